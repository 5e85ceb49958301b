import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { STREAK_WINDOW_MS } from '../../src/domains/gifts/gifts.service.ts';
import type { GiftAnswer, GiftVariant } from './variant.ts';

const FUNCTION = new URL('sql-function.sql', import.meta.url);
const UNIQUE_VIOLATION = '23505';

/**
 * One call of one SQL function per gift, as an expert would write it: a single prepared statement, which is the transaction.
 * It keeps every rule that ours keeps and writes the same rows, see sql-function.sql.
 * @param poolSize connections: all of a stream's gifts wait for the same rows, and more of them only wait longer
 */
export async function openSqlFunction(databaseUrl: string, poolSize: number): Promise<GiftVariant> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: poolSize });
  await pool.query(await readFile(FUNCTION, 'utf8'));
  const attempt = async (values: unknown[]): Promise<GiftAnswer> => {
    const { rows } = await pool.query<[outcome: string, seq: string]>({
      name: 'bench.sendGift',
      text: 'SELECT outcome, gift_seq FROM bench_send_gift($1, $2, $3, $4, $5, make_interval(secs => $6::float8 / 1000))',
      values,
      rowMode: 'array',
    });
    const [outcome, seq] = rows[0]!;
    if (outcome === 'SENT' || outcome === 'REPLAYED') return { kind: outcome, seq: BigInt(seq) };
    if (outcome === 'INSUFFICIENT_COINS') return { kind: 'REFUSED' };
    throw new Error(`A gift was answered ${outcome}`);
  };
  return {
    send: async ({ viewerId, idempotencyKey, streamId, giftId, quantity }) => {
      const values = [viewerId, idempotencyKey, streamId, giftId, quantity, STREAK_WINDOW_MS];
      try {
        return await attempt(values);
      } catch (error) {
        // A call with the same key was quicker: now its gift is there to be found.
        if (error instanceof pg.DatabaseError && error.code === UNIQUE_VIOLATION) return attempt(values);
        throw error;
      }
    },
    close: () => pool.end(),
  };
}
