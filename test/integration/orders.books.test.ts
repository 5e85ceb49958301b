/** The rules of the shop's books find what is wrong: a checker that finds nothing would be worth nothing. */
import { expect } from 'vitest';
import { brokenRules, expectBooksBalanced } from '../support/ledger.ts';
import { succeed } from '../support/operations.ts';
import { afterSale, bought } from '../support/orders.ts';
import { openOffer } from './support/orders.ts';
import { test } from './support/shared-server.ts';

/** Switches off what protects the rows: the checker must not lean on it. */
const UNPROTECTED = `
  SET session_replication_role = replica;
  ALTER TABLE inventory DROP CONSTRAINT inventory_check;
  ALTER TABLE offer DROP CONSTRAINT offer_check`;

const ORDER = '(SELECT max(id) FROM shop_order)';

/** Each damage, and a rule that must notice. */
const DAMAGES: [string, string, string][] = [
  ['a lost payment', `DELETE FROM transfer WHERE kind = 'ORDER_PAID' AND cause_id = ${ORDER}`, 'a paid order has paid'],
  [
    'a doubled payment',
    `INSERT INTO transfer (debit_account_id, credit_account_id, unit, amount, kind, cause_id)
       SELECT debit_account_id, credit_account_id, unit, amount, kind, cause_id FROM transfer WHERE kind = 'ORDER_PAID'`,
    'a paid order has paid',
  ],
  ['a refund of more', 'UPDATE shop_order SET refunded_minor = refunded_minor + 1', 'an order has given back what it'],
  [
    'escrow that went elsewhere',
    "UPDATE transfer SET kind = 'ORDER_RELEASED' WHERE kind = 'ORDER_REFUNDED'",
    'an order has in escrow',
  ],
  ['a release that never was', "UPDATE shop_order SET state = 'COMPLETED'", 'only a delivered order was released'],
  ['another amount charged', 'UPDATE checkout SET amount_minor = amount_minor + 1', 'the orders of a checkout cost'],
  ['another price of a line', 'UPDATE order_line SET unit_price_minor = 1', 'an order costs what its lines'],
  [
    'a line of which less was refunded',
    'UPDATE order_line SET refunded_quantity = 2',
    'an order has given back what its lines',
  ],
  ['a purchase that is still held', "UPDATE checkout SET state = 'HELD'", 'an order is where its checkout is'],
  ['a step that is missing', "UPDATE shop_order SET state = 'SHIPPED'", 'a timeline ends'],
  ['stock that nobody pays for', 'UPDATE inventory SET held = held + 1', 'stock is set aside'],
  ['an offer that has sold more', 'UPDATE offer SET sold = sold + 1', 'an offer has held and sold'],
  ['an offer that holds more', 'UPDATE offer SET held = held + 1', 'an offer has held and sold'],
  ['a refund that nobody granted', "UPDATE refund SET state = 'REJECTED'", 'refunds and chargebacks'],
  ['a refund that was not paid', "DELETE FROM transfer WHERE kind = 'REFUND_PAID'", 'a refund is paid once'],
  ['a refund that waits', "UPDATE refund SET state = 'PENDING'", 'REFUNDS holds'],
  [
    'a charge that was declined',
    "UPDATE sandbox_charge SET status = 'DECLINED'",
    'a purchase that is paid has one charge',
  ],
  [
    'a charge of another amount',
    'UPDATE sandbox_charge SET amount_minor = 1',
    'a purchase that is paid has one charge',
  ],
  ['a loser who was charged', "UPDATE checkout SET state = 'EXPIRED'", 'a purchase that is paid has one charge'],
  ['a refund that the sandbox lost', 'DELETE FROM sandbox_refund', 'the sandbox has paid'],
  [
    'a provider that owes more',
    "UPDATE ledger_account SET balance = balance - 1 WHERE kind = 'CLEARING'",
    'what providers owe',
  ],
];

test('true books are balanced, damaged ones are not', async ({ db, server, viewer }) => {
  const counter = await openOffer(server, viewer);
  const { id, lines } = await bought(counter, { quantity: 3 });
  const call = { lines: [{ lineId: lines[0]!.id, quantity: 1, restock: 1 }] };
  succeed(await afterSale.refund(counter.shop.member, id, call));
  await expectBooksBalanced(db.pool);
  const client = await db.pool.connect();
  try {
    await client.query(UNPROTECTED);
    for (const [damage, sql, rule] of DAMAGES) {
      await client.query('BEGIN');
      const { rowCount } = await client.query(sql);
      expect(rowCount, damage).toBeGreaterThan(0);
      const broken = Object.keys(await brokenRules(client));
      await client.query('ROLLBACK');
      expect(broken, damage).toEqual(expect.arrayContaining([expect.stringContaining(rule)]));
    }
  } finally {
    client.release(true);
  }
});
