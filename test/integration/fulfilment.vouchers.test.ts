/** Vouchers: shown by the buyer, verified once, taken back for a while. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { type Actor, mutate, signIn } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import {
  act,
  cancel,
  cancelVerification,
  force,
  placed,
  read,
  timeline,
  type Voucher,
  verify,
} from './support/fulfilment.ts';
import { rowOf, wrongIds } from './support/ids.ts';
import { createMerchant, type OrderRows, placeOrder } from './support/order-rows.ts';
import { atOnce, successes, tally } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

const NOT_FOUND = { __typename: 'NotFoundError', code: 'NOT_FOUND', message: 'There is no such voucher.' };
const SERVICE = { kind: 'SERVICE' } as const;

async function vouchersOf(buyer: Actor, order: OrderRows): Promise<(Voucher & { code: string })[]> {
  return (await read(buyer, order)).vouchers as (Voucher & { code: string })[];
}

/** The code of an order's first voucher. */
async function codeOf(buyer: Actor, order: OrderRows): Promise<string> {
  return (await vouchersOf(buyer, order))[0]!.code;
}

/** Makes a verification look older. */
async function backdate(pool: Pool, voucher: Voucher, interval: string): Promise<void> {
  await pool.query('UPDATE voucher SET verified_at = verified_at - $2::interval WHERE id = $1', [
    rowOf(voucher.id),
    interval,
  ]);
}

test('the buyer reads the codes, again and again, on any server; nobody else does', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [{ ...SERVICE, quantity: 2 }]);
  const vouchers = await vouchersOf(buyer, order);
  expect(vouchers.map(({ state, verifiedAt }) => [state, verifiedAt])).toEqual(Array(2).fill(['ISSUED', null]));
  for (const { code } of vouchers) expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/);
  expect(new Set(vouchers.map(({ code }) => code)).size).toBe(2);
  expect(await vouchersOf(buyer, order)).toEqual(vouchers);
  expect((await vouchersOf(keeper, order)).map(({ code }) => code)).toEqual([null, null]);
  const other = await startServer({ databaseUrl: db.url });
  try {
    expect(await vouchersOf(await signIn(other, buyer.handle), order)).toEqual(vouchers);
  } finally {
    await other.close();
  }
  const { rows } = await db.pool.query('SELECT row_to_json(v)::text AS text FROM voucher v');
  for (const { code } of vouchers) {
    expect(rows.filter(({ text }) => text.includes(code) || text.includes(code.replaceAll('-', '')))).toEqual([]);
  }
});

test('under another secret the old codes are not shown, and still hold', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [SERVICE]);
  const [voucher] = await vouchersOf(buyer, order);
  const changed = await startServer({ databaseUrl: db.url, config: { voucherSecret: 'x'.repeat(32) } });
  try {
    expect((await vouchersOf(await signIn(changed, buyer.handle), order))[0]!.code).toBeNull();
    expect(await verify(await signIn(changed, keeper.handle), voucher!.code, 'one')).toMatchObject({ replayed: false });
  } finally {
    await changed.close();
  }
});

test('a voucher is verified, and with the last one the order is delivered', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [{ ...SERVICE, quantity: 2 }, SERVICE]);
  const vouchers = await vouchersOf(buyer, order);
  const states: string[] = [];
  for (const [index, { id, code }] of vouchers.entries()) {
    const outcome = await verify(keeper, code, `key ${index}`);
    expect(outcome).toMatchObject({
      __typename: 'VerifyVoucherSuccess',
      voucher: { id, state: 'VERIFIED', code: null, verifiedAt: expect.any(String) },
      replayed: false,
    });
    states.push((outcome as { orderState: string }).orderState);
  }
  expect(states).toEqual(['PAID', 'PAID', 'DELIVERED']);
  expect(await timeline(db.pool, order)).toEqual(['DELIVERED MERCHANT']);
  const { rows } = await db.pool.query('SELECT delivered_at IS NOT NULL AS done FROM order_line WHERE order_id = $1', [
    order.id,
  ]);
  expect(rows).toEqual([{ done: true }, { done: true }]);
});

test('however the code is typed', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [SERVICE]);
  const code = await codeOf(buyer, order);
  const typed = ` ${code.toLowerCase().replaceAll('-', '  ').replaceAll('0', 'o').replaceAll('1', 'l')} `;
  expect(await verify(keeper, typed, 'one')).toMatchObject({ voucher: { state: 'VERIFIED' }, replayed: false });
  expect(await verify(keeper, code, 'one'), 'the same code, the same call').toMatchObject({ replayed: true });
});

test('the same key again is the same verification; another one comes too late', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [{ ...SERVICE, quantity: 2 }]);
  const [first, second] = await vouchersOf(buyer, order);
  const verified = await verify(keeper, first!.code, 'one');
  await expectNothingWritten(db.pool, async () => {
    expect(await verify(keeper, first!.code, 'one')).toEqual({ ...verified, replayed: true });
    expect(await verify(keeper, first!.code, 'two')).toMatchObject({
      __typename: 'VoucherStateError',
      code: 'VOUCHER_STATE',
      voucherState: 'VERIFIED',
    });
    expect(await verify(keeper, second!.code, 'one')).toMatchObject({ __typename: 'IdempotencyConflictError' });
  });
});

test('a key belongs to whoever calls: a colleague’s is another', async ({ db, server }) => {
  const { buyer, keeper, seller, order } = await placed(server, db.pool, [{ ...SERVICE, quantity: 2 }]);
  const colleague = await signIn(server);
  await db.pool.query('INSERT INTO merchant_member VALUES ($1, $2)', [seller.id, rowOf(colleague.id)]);
  const [first, second] = await vouchersOf(buyer, order);
  await verify(keeper, first!.code, 'one');
  expect(await verify(colleague, first!.code, 'one')).toMatchObject({ __typename: 'VoucherStateError' });
  expect(await verify(colleague, second!.code, 'one')).toMatchObject({ replayed: false });
});

test('unknown codes, damaged ones and those of others are alike', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [SERVICE]);
  const stranger = await placed(server, db.pool, [SERVICE]);
  const code = await codeOf(buyer, order);
  await expectNothingWritten(db.pool, async () => {
    for (const wrong of ['0000-0000-0000-0000', 'U', '💎', code.slice(1), `${code}0`, `%${code}`]) {
      expect(await verify(keeper, wrong, 'one'), wrong).toMatchObject(NOT_FOUND);
    }
    for (const outsider of [stranger.keeper, buyer, stranger.buyer]) {
      expect(await verify(outsider, code, 'one')).toMatchObject(NOT_FOUND);
    }
    expect(await mutate(server.http(), 'verifyVoucher', { code, idempotencyKey: 'one' })).toMatchObject({
      __typename: 'NotSignedInError',
    });
  });
});

test('an input that breaks a rule names the field', async ({ db, viewer }) => {
  const broken: [string, Record<string, string>][] = [
    ['code', { code: ' ' }],
    ['code', { code: 'A'.repeat(101) }],
    ['code', { code: 'A\0' }],
    ['idempotencyKey', { idempotencyKey: '' }],
    ['idempotencyKey', { idempotencyKey: 'x'.repeat(65) }],
  ];
  await expectNothingWritten(db.pool, async () => {
    for (const [field, input] of broken) {
      const outcome = await mutate(viewer.api, 'verifyVoucher', { code: 'A', idempotencyKey: 'one', ...input });
      expect(outcome).toMatchObject({ __typename: 'InvalidInputError', issues: [{ path: `input.${field}` }] });
    }
  });
});

test('what a retail partner provides for another shop is the partner’s to verify', async ({ db, server, viewer }) => {
  const [keeper, partnerKeeper] = [await signIn(server), await signIn(server)];
  const seller = await createMerchant(db.pool, { members: [keeper] });
  const partner = await createMerchant(db.pool, { kind: 'RETAIL_PARTNER', members: [partnerKeeper] });
  const order = await placeOrder(server, db.pool, { buyer: viewer, seller, lines: [{ ...SERVICE, from: partner }] });
  const code = await codeOf(viewer, order);
  expect(await verify(keeper, code, 'one')).toMatchObject(NOT_FOUND);
  expect(await verify(partnerKeeper, code, 'one')).toMatchObject({ orderState: 'DELIVERED' });
  expect(await timeline(db.pool, order)).toEqual(['DELIVERED PARTNER']);
});

test('20 calls at once with keys of their own: one verifies', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [SERVICE]);
  const code = await codeOf(buyer, order);
  const outcomes = await atOnce(20, (index) => verify(keeper, code, `key ${index}`));
  expect(tally(outcomes)).toEqual({ VerifyVoucherSuccess: 1, VoucherStateError: 19 });
  expect(await timeline(db.pool, order)).toEqual(['DELIVERED MERCHANT']);
});

test('20 calls at once with one key are one verification, and all succeed', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [SERVICE]);
  const code = await codeOf(buyer, order);
  const outcomes = await atOnce(20, () => verify(keeper, code, 'one'));
  expect(tally(outcomes)).toEqual({ VerifyVoucherSuccess: 20 });
  expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
});

test('one key for the vouchers of ten orders at once verifies one of them', async ({ db, server, viewer }) => {
  const keeper = await signIn(server);
  const seller = await createMerchant(db.pool, { members: [keeper] });
  const orders = await Promise.all(
    Array.from({ length: 10 }, () => placeOrder(server, db.pool, { buyer: viewer, seller, lines: [SERVICE] })),
  );
  const codes = await Promise.all(orders.map((order) => codeOf(viewer, order)));
  const outcomes = await atOnce(10, (index) => verify(keeper, codes[index]!, 'one'));
  expect(tally(outcomes)).toEqual({ VerifyVoucherSuccess: 1, IdempotencyConflictError: 9 });
  const states = await Promise.all(orders.map(async (order) => (await read(viewer, order)).state));
  expect(states.filter((state) => state === 'DELIVERED')).toHaveLength(1);
});

test('within the hour a verification is taken back, and the order with it', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [SERVICE]);
  const [voucher] = await vouchersOf(buyer, order);
  await verify(keeper, voucher!.code, 'one');
  await backdate(db.pool, voucher!, '59 minutes');
  expect(await cancelVerification(keeper, voucher!.id)).toMatchObject({
    __typename: 'CancelVerificationSuccess',
    voucher: { state: 'ISSUED', verifiedAt: null },
    orderState: 'PAID',
    replayed: false,
  });
  const { rows } = await db.pool.query(
    `SELECT o.release_at, l.delivered_at FROM shop_order o JOIN order_line l ON l.order_id = o.id WHERE o.id = $1`,
    [order.id],
  );
  expect(rows, 'nothing is delivered, so the escrow’s clock stands').toEqual([
    { release_at: null, delivered_at: null },
  ]);
  await expectNothingWritten(db.pool, async () => {
    expect(await cancelVerification(keeper, voucher!.id)).toMatchObject({ replayed: true });
    expect(await verify(keeper, voucher!.code, 'one'), 'a late repetition').toMatchObject({
      __typename: 'VoucherStateError',
      voucherState: 'ISSUED',
    });
  });
  expect(await verify(keeper, voucher!.code, 'two')).toMatchObject({ orderState: 'DELIVERED', replayed: false });
  expect(await timeline(db.pool, order)).toEqual(['DELIVERED MERCHANT', 'PAID MERCHANT', 'DELIVERED MERCHANT']);
});

test('of an order that was sent as well, it goes back to being sent', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [SERVICE, {}]);
  const { shipments, vouchers } = await read(buyer, order);
  await act(keeper, 'deliver', shipments[0]!.id);
  expect(await verify(keeper, vouchers[0]!.code!, 'one')).toMatchObject({ orderState: 'DELIVERED' });
  expect(await cancelVerification(keeper, vouchers[0]!.id)).toMatchObject({ orderState: 'SHIPPED' });
});

test('after an hour it stays', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [SERVICE]);
  const [voucher] = await vouchersOf(buyer, order);
  await verify(keeper, voucher!.code, 'one');
  await backdate(db.pool, voucher!, '61 minutes');
  await expectNothingWritten(db.pool, async () => {
    expect(await cancelVerification(keeper, voucher!.id)).toMatchObject({
      __typename: 'VoucherStateError',
      voucherState: 'VERIFIED',
    });
  });
});

test('only whoever provides the service takes it back', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [SERVICE]);
  const [voucher] = await vouchersOf(buyer, order);
  await verify(keeper, voucher!.code, 'one');
  const stranger = (await placed(server, db.pool)).keeper;
  await expectNothingWritten(db.pool, async () => {
    for (const outsider of [buyer, stranger]) {
      expect(await cancelVerification(outsider, voucher!.id)).toMatchObject(NOT_FOUND);
    }
    for (const [what, wrong] of wrongIds('Voucher')) {
      expect(await cancelVerification(keeper, wrong), what).toMatchObject(NOT_FOUND);
    }
  });
});

test('a voucher of an order that is cancelled or contested is not good', async ({ db, server }) => {
  const scenes = [await placed(server, db.pool, [SERVICE]), await placed(server, db.pool, [SERVICE])];
  const codes = await Promise.all(scenes.map(({ buyer, order }) => codeOf(buyer, order)));
  await cancel(server, scenes[0]!.order);
  await force(server, scenes[1]!.order, 'REFUND_REQUESTED');
  await expectNothingWritten(db.pool, async () => {
    expect(await verify(scenes[0]!.keeper, codes[0]!, 'one')).toMatchObject({
      __typename: 'VoucherStateError',
      voucherState: 'CANCELLED',
    });
    expect(await verify(scenes[1]!.keeper, codes[1]!, 'one')).toMatchObject({
      __typename: 'OrderStateError',
      orderState: 'REFUND_REQUESTED',
    });
  });
});

test('verified and cancelled at once: one wins, and what is reported is so', async ({ db, server }) => {
  for (let round = 0; round < 8; round++) {
    const { buyer, keeper, order } = await placed(server, db.pool, [SERVICE]);
    const code = await codeOf(buyer, order);
    const [verified, cancelled] = await Promise.all([verify(keeper, code, 'one'), cancel(server, order)]);
    expect(verified.__typename === 'VerifyVoucherSuccess').toBe(!cancelled);
    expect((await read(buyer, order)).state).toBe(cancelled ? 'CANCELLED' : 'DELIVERED');
  }
});
