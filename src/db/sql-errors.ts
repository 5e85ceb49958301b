/** What `pg` puts on the errors that Postgres sends. */
type PostgresError = Error & { code: string; constraint?: string };

function isPostgresError(error: unknown): error is PostgresError {
  return error instanceof Error && typeof (error as { code?: unknown }).code === 'string' && 'severity' in error;
}

/** Whether the statement lost against another transaction (serialization failure, deadlock) and may be tried again. */
export function isWriteConflict(error: unknown): boolean {
  return isPostgresError(error) && (error.code === '40001' || error.code === '40P01');
}

/** What a write conflict was, in a word. */
export function conflictOf(error: unknown): 'deadlock' | 'conflict' {
  return isPostgresError(error) && error.code === '40P01' ? 'deadlock' : 'conflict';
}

/** Whether the statement waited for a lock longer than its transaction's `lock_timeout` allows. */
export function isLockTimeout(error: unknown): boolean {
  return isPostgresError(error) && error.code === '55P03';
}

/** Whether the named constraint (CHECK, unique index or foreign key) refused the statement. */
export function brokeConstraint(error: unknown, constraint: string): boolean {
  return isPostgresError(error) && error.constraint === constraint;
}

/** How a group commit treats a batch that failed: a lost conflict is tried again, a refused statement holds a bad item. */
export function classifyBatchError(error: unknown): 'retry' | 'fail' | 'split' {
  if (isWriteConflict(error)) return 'retry';
  return isStatementError(error) ? 'split' : 'fail';
}

/** Whether the error came from Postgres about the statement itself, not from a lost connection. */
function isStatementError(error: unknown): boolean {
  return isPostgresError(error) && !error.code.startsWith('08') && !error.code.startsWith('57P');
}
