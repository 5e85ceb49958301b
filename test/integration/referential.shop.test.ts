/** The references of what every purchase writes: no row without its parent and no parent gone, whoever writes and however. */
import { DatabaseError, type Pool } from 'pg';
import { expect } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import { bought } from '../support/orders.ts';
import { rowOf } from './support/ids.ts';
import { openOffer } from './support/orders.ts';
import { test } from './support/shared-server.ts';

const FOREIGN_KEY_VIOLATION = '23503';
const RESTRICT_VIOLATION = '23001';
/** An id that nothing has. */
const NONE = '999999999';

/** Copies of the order's own rows that differ in one reference: [table, columns, column, value]. `id` and what is unique are made anew. */
const CHILDREN: [table: string, copied: string, references: string[], made: Record<string, string>][] = [
  ['checkout', 'input_hash, amount_minor, currency, payment_token, held_until, state', ['buyer_id'], {}],
  [
    'shop_order',
    'currency, total_minor, state',
    ['checkout_id', 'buyer_id', 'merchant_id', 'stream_id'],
    { number: "'COPY-' || random()" },
  ],
  [
    'order_line',
    'buyer_id, product_id, item_id, warehouse_id, kind, quantity, unit_price_minor',
    ['order_id', 'variant_id', 'offer_id'],
    {},
  ],
  ['order_event', 'state, actor', ['order_id'], { version: '1000 + version' }],
  ['shipment', 'warehouse_id, by_partner', ['order_id'], { method: "'COURIER'" }],
];

async function refusal(pool: Pool, text: string): Promise<{ code: string; constraint: string } | undefined> {
  try {
    await pool.query(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    return { code: error.code!, constraint: error.constraint! };
  }
}

/** Copies the rows of a table that belong to the order, with one reference to nothing; without one, as they are. */
function copy([table, copied, references, made]: (typeof CHILDREN)[number], where: string, orphan?: string): string {
  const columns = [copied, ...references, ...Object.keys(made)].join(', ');
  const values = [copied, ...references.map((name) => (name === orphan ? NONE : name)), ...Object.values(made)];
  return `INSERT INTO ${table} (${columns}) SELECT ${values.join(', ')} FROM ${table} WHERE ${where} LIMIT 1`;
}

test('what a purchase writes refers to what there is, and that stays', async ({ db, server, viewer }) => {
  const counter = await openOffer(server, viewer);
  const order = rowOf((await bought(counter)).id);
  const own = (table: string) =>
    ({ checkout: `id = (SELECT checkout_id FROM shop_order WHERE id = ${order})`, shop_order: `id = ${order}` })[
      table
    ] ?? `order_id = ${order}`;
  for (const child of CHILDREN) {
    const [table, , references] = child;
    for (const column of references) {
      const constraint = `${table}_${column}_fkey`;
      const refused = { code: FOREIGN_KEY_VIOLATION, constraint };
      expect(await refusal(db.pool, copy(child, own(table), column)), constraint).toEqual(refused);
    }
    // Inside a transaction that is rolled back: the copy itself is allowed.
    expect(await refusal(db.pool, `BEGIN; ${copy(child, own(table))}; ROLLBACK`), table).toBeUndefined();
    const [moved] = references;
    if (table === 'order_event') continue; // refuses every UPDATE
    const update = `UPDATE ${table} SET ${moved} = ${moved} WHERE ${own(table)}`;
    expect(await refusal(db.pool, update), update).toMatchObject({ code: RESTRICT_VIOLATION });
  }
  for (const parent of ['checkout', 'shop_order', 'merchant', 'product_variant', 'offer']) {
    for (const text of [`DELETE FROM ${parent}`, `TRUNCATE ${parent} CASCADE`, `UPDATE ${parent} SET id = id`]) {
      expect(await refusal(db.pool, text), text).toMatchObject({ code: RESTRICT_VIOLATION });
    }
  }
  await expectBooksBalanced(db.pool);
});
