import { type Queryable, rows } from '../../db/database.ts';

/** What speaks for a product. */
export type SignalKind = 'VIEW' | 'PIN' | 'PURCHASE' | 'GIFT';

/** Something that speaks for a product. */
export type TrendSignal = {
  productId: bigint;
  /** Where from, ISO 3166-1 alpha-2; empty when nobody knows. */
  region: string;
  kind: SignalKind;
  /** Views, pins, units bought, coins given. */
  amount: bigint | number;
};

/** Inserts signals, in one statement; those of no product, and of nothing, are left out. */
export async function insertSignals(sql: Queryable, signals: readonly TrendSignal[]): Promise<void> {
  await rows(
    sql,
    `/* trends.note */ INSERT INTO trend_signal (product_id, region, kind, amount)
     SELECT p.id, i.region, i.kind, i.amount
       FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[]) i(product_id, region, kind, amount)
       JOIN product p ON p.id = i.product_id WHERE i.amount >= 1`,
    [
      signals.map(({ productId }) => productId),
      signals.map(({ region }) => region),
      signals.map(({ kind }) => kind),
      signals.map(({ amount }) => amount),
    ],
  );
}
