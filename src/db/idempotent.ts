import { IdempotencyConflictError } from '../kernel/errors.ts';
import { hashInput } from '../kernel/idempotency.ts';
import { rows, type SqlTransaction } from './database.ts';

/** What makes a mutation idempotent: the key is unique per actor and operation. */
export type IdempotentCall = {
  actorId: bigint;
  /** The mutation's name. */
  operation: string;
  key: string;
  input: Parameters<typeof hashInput>[0];
};

/**
 * Runs `effect` once per key, in the caller's SQL transaction, and stores its result beside the key: both or neither. A
 * parallel call with the same key waits for the first and replays it. If the transaction is rolled back, so is the key.
 * @param effect writes with `sql`, returns a JSON value
 * @throws {IdempotencyConflictError} when the key stands for another input
 */
export async function idempotent<Result>(
  sql: SqlTransaction,
  call: IdempotentCall,
  effect: () => Promise<Result>,
): Promise<{ result: Result; replayed: boolean }> {
  const inputHash = hashInput(call.input);
  const identity = [call.actorId, call.operation, call.key];
  const claimed = await rows(
    sql,
    `/* idempotency.claim */ INSERT INTO idempotency_key (actor_id, operation, key, input_hash)
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING 1`,
    [...identity, inputHash],
  );
  if (claimed.length === 0) {
    const [stored] = await rows<{ input_hash: string; result: Result }>(
      sql,
      '/* idempotency.read */ SELECT input_hash, result FROM idempotency_key WHERE actor_id = $1 AND operation = $2 AND key = $3',
      identity,
    );
    if (!stored || stored.input_hash !== inputHash) throw new IdempotencyConflictError();
    return { result: stored.result, replayed: true };
  }
  const result = await effect();
  await rows(
    sql,
    '/* idempotency.store */ UPDATE idempotency_key SET result = $4 WHERE actor_id = $1 AND operation = $2 AND key = $3',
    [...identity, JSON.stringify(result)],
  );
  return { result, replayed: false };
}
