import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';

/** What diamonds are paid out at: `amountMinor` for every `diamonds`. */
export type PayoutRate = { id: bigint; diamonds: number; amountMinor: number; currency: string; createdAt: Date };

const COLUMNS = 'id, diamonds, amount_minor AS "amountMinor", currency, created_at AS "createdAt"';

/** The rate that new payouts freeze. */
export async function readPayoutRate(sql: Queryable): Promise<PayoutRate> {
  const [rate] = await rows<PayoutRate>(
    sql,
    `/* payouts.rate */ SELECT ${COLUMNS} FROM payout_rate ORDER BY id DESC LIMIT 1`,
  );
  return rate!; // The migration writes the first one, and none is ever deleted.
}

/** Publishes a rate. */
export async function insertPayoutRate(
  sql: SqlTransaction,
  rate: Pick<PayoutRate, 'diamonds' | 'amountMinor' | 'currency'>,
): Promise<PayoutRate> {
  const [inserted] = await rows<PayoutRate>(
    sql,
    `/* payouts.publishRate */ INSERT INTO payout_rate (diamonds, amount_minor, currency) VALUES ($1, $2, $3) RETURNING ${COLUMNS}`,
    [rate.diamonds, rate.amountMinor, rate.currency],
  );
  return inserted!;
}

/** Lets publishers of rates wait for each other. */
export async function lockRates(sql: SqlTransaction): Promise<void> {
  await rows(sql, "/* payouts.lockRates */ SELECT pg_advisory_xact_lock(hashtext('hadiya:rates'))");
}
