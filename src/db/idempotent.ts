import { IdempotencyConflictError } from '../kernel/errors.ts';
import { type Database, rows, type SqlTransaction, statement } from './database.ts';
import { brokeConstraint } from './sql-errors.ts';

/** What makes a mutation idempotent: the key is unique per actor and operation. */
export type KeyOfCall = { actorId: bigint; key: string };
/** What a key stands for: the input that it was used with, as `hashInput` has it, and the JSON value that was returned. */
export type StoredCall<Result> = { inputHash: string; result: Result };
/** A key that is known, and since when. */
export type KnownCall<Result> = StoredCall<Result> & { storedAt: Date };

/** Two servers used a key at once for things that have no lock in common: one of them must look again. */
export const KEY_TAKEN = 'idempotency_key_pkey';

/** Attempts at a call whose key, or whose effect, a parallel call with the same key was quicker with; the first included. */
const CALL_ATTEMPTS_MAX = 3;

const READ = statement(
  'idempotency.read',
  `SELECT k.position::int, s.input_hash AS "inputHash", s.result, s.created_at AS "storedAt"
     FROM unnest($2::bigint[], $3::text[]) WITH ORDINALITY k(actor_id, key, position)
     JOIN LATERAL (
       SELECT input_hash, result, created_at FROM idempotency_key WHERE actor_id = k.actor_id AND operation = $1 AND key = k.key LIMIT 1
     ) s ON true`,
);
const STORE = statement(
  'idempotency.store',
  `INSERT INTO idempotency_key (actor_id, operation, key, input_hash, result)
   SELECT k.actor_id, $1, k.key, k.input_hash, k.result
     FROM unnest($2::bigint[], $3::text[], $4::text[], $5::jsonb[]) k(actor_id, key, input_hash, result)`,
);

/** What keys stand for, in one statement, in the order of the calls; undefined for a fresh one. */
export async function readKeys<Result>(
  sql: SqlTransaction,
  operation: string,
  calls: readonly KeyOfCall[],
): Promise<(KnownCall<Result> | undefined)[]> {
  const found = await rows<KnownCall<Result> & { position: number }>(sql, READ, [
    operation,
    calls.map(({ actorId }) => actorId),
    calls.map(({ key }) => key),
  ]);
  const byPosition = new Map(found.map((row) => [row.position, row]));
  return calls.map((_call, index) => byPosition.get(index + 1));
}

/**
 * Stores keys with what they stand for, in the SQL transaction of the effect: both or neither. A key that another transaction
 * has stored meanwhile breaks {@link KEY_TAKEN}.
 */
export async function storeKeys(
  sql: SqlTransaction,
  operation: string,
  calls: readonly (KeyOfCall & StoredCall<unknown>)[],
): Promise<void> {
  if (calls.length === 0) return;
  await rows(sql, STORE, [
    operation,
    calls.map(({ actorId }) => actorId),
    calls.map(({ key }) => key),
    calls.map(({ inputHash }) => inputHash),
    calls.map(({ result }) => JSON.stringify(result)),
  ]);
}

/**
 * Runs a mutation once per key: its effect and its key are one SQL transaction, and a repeated call gets what the first one
 * returned. For calls that come one by one; batches use {@link readKeys} and {@link storeKeys}.
 * @param call.raced constraints that a parallel call with the same key breaks before it meets the key
 * @param work the effect; returns a JSON value. What it throws is not stored.
 * @throws {IdempotencyConflictError} the key stands for another input
 */
export async function callOnce<Result>(
  db: Pick<Database, 'inTransaction'>,
  call: KeyOfCall & { operation: string; inputHash: string; raced?: readonly string[] },
  work: (sql: SqlTransaction) => Promise<Result>,
): Promise<{ result: Result; replayed: boolean }> {
  const { operation, inputHash, raced = [] } = call;
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.inTransaction(async (sql) => {
        const [stored] = await readKeys<Result>(sql, operation, [call]);
        if (stored && stored.inputHash !== inputHash) throw new IdempotencyConflictError();
        if (stored) return { result: stored.result, replayed: true };
        const result = await work(sql);
        await storeKeys(sql, operation, [{ actorId: call.actorId, key: call.key, inputHash, result }]);
        return { result, replayed: false };
      });
    } catch (error) {
      const lost = [KEY_TAKEN, ...raced].some((constraint) => brokeConstraint(error, constraint));
      if (!lost || attempt === CALL_ATTEMPTS_MAX) throw error;
    }
  }
}
