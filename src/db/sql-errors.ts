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

/** Postgres' classes of codes about the connection: it is lost (08), or the server stops or starts (57P). */
const CONNECTION_CODE = /^(08|57P)/;

/** Whether the error came from Postgres about the statement itself, not from a lost connection. */
function isStatementError(error: unknown): boolean {
  return isPostgresError(error) && !CONNECTION_CODE.test(error.code);
}

/**
 * What else says that there is no connection: Postgres that none is free, Node that it cannot be opened or has broken, Prisma that
 * the server cannot be reached, in time, or has closed it.
 */
const AWAY_CODES = new Set(
  '53300 ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH ENOTFOUND EAI_AGAIN P1001 P1002 P1017 P2024'.split(' '),
);
/** What pg says of one, without a code. */
const LOST_MESSAGE =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Cannot use a pool after)/;
/** Errors that one may be wrapped in. */
const CAUSES_MAX = 5;

/** Whether Postgres was not there, or went away before it answered: nothing is wrong with what was asked. */
export function isConnectionLost(error: unknown): boolean {
  let cause: unknown = error;
  for (let depth = 0; depth < CAUSES_MAX && cause instanceof Object; depth++) {
    const { code, originalCode, message } = cause as Record<string, unknown>;
    const known = String(originalCode ?? code ?? '');
    if (CONNECTION_CODE.test(known) || AWAY_CODES.has(known)) return true;
    if (typeof message === 'string' && LOST_MESSAGE.test(message)) return true;
    const { meta } = cause as { meta?: { driverAdapterError?: unknown } };
    cause = (cause as { cause?: unknown }).cause ?? meta?.driverAdapterError;
  }
  return false;
}
