import type { Logger } from 'pino';
import { type Database, rows, type SqlTransaction } from '../../../db/database.ts';
import { assert } from '../../../kernel/assert.ts';
import { every, FAILED, type Periodic } from '../../../kernel/every.ts';
import { groupBy } from '../../../kernel/group-by.ts';
import { accountNames, type Wallets } from '../../wallet/wallet.api.ts';
import { readLines } from '../buy/settle.repo.ts';
import { moveOrders, ORDER_COLUMNS, type OrderNews, type OrderRow } from '../orders.api.ts';
import { sharesOf } from './escrow.ts';

/** How often orders whose window is over are looked for. */
export const RELEASE_INTERVAL_MS = 5_000;
/** Orders that one SQL transaction releases, and transactions of one sweep; the next goes on. */
const ORDERS_PER_TRANSACTION_MAX = 100;
const TRANSACTIONS_PER_SWEEP_MAX = 50;

/**
 * Releases what waits in escrow to those whom it is due, once an order was delivered for long enough and nobody contests it: DELIVERED →
 * COMPLETED. Servers that look at once release different orders.
 */
export class EscrowRelease {
  #sweeping: Periodic | undefined;

  constructor(
    private readonly deps: { db: Database; wallets: Wallets; news: OrderNews; log: Logger },
    private readonly intervalMs: number = RELEASE_INTERVAL_MS,
  ) {}

  start(): void {
    this.#sweeping = every(this.intervalMs, () => this.#sweep(), this.deps.db.instruments.meters.sweeps.of('releases'));
  }

  async close(): Promise<void> {
    await this.#sweeping?.stop();
  }

  async #sweep(): Promise<unknown> {
    const { db, news, log } = this.deps;
    try {
      for (let transaction = 0; transaction < TRANSACTIONS_PER_SWEEP_MAX; transaction++) {
        const released = await db.inTransaction((sql) => this.#release(sql));
        news.announce(released);
        if (released.length < ORDERS_PER_TRANSACTION_MAX) return;
      }
    } catch (error) {
      log.warn({ err: error }, 'releasing escrow failed; the next sweep tries again');
      return FAILED;
    }
  }

  async #release(sql: SqlTransaction): Promise<OrderRow[]> {
    const { wallets } = this.deps;
    const due = await withoutDisputes(sql, await lockDue(sql));
    if (due.length === 0) return [];
    const lines = groupBy(
      await readLines(
        sql,
        due.map(({ id }) => id),
      ),
      ({ orderId }) => orderId,
    );
    const parts = due.flatMap((order) => {
      const shares = [...sharesOf(order.merchantId, lines.get(order.id)!)];
      const sum = shares.reduce((total, [, amount]) => total + amount, 0n);
      assert(sum === order.totalMinor - order.refundedMinor, 'an order releases what it has in escrow');
      return shares.map(([merchantId, amount]) => ({ order, merchantId, amount }));
    });
    const accounts = await wallets.accounts(
      sql,
      parts.flatMap(({ order: { merchantId: sellerId, currency }, merchantId }) => [
        accountNames.merchant(sellerId, currency, 'ESCROW'),
        accountNames.merchant(merchantId, currency, 'BALANCE'),
      ]),
    );
    await wallets.post(
      sql,
      parts.map(({ order, amount }, index) => ({
        debit: accounts[index * 2]!,
        credit: accounts[index * 2 + 1]!,
        unit: order.currency,
        amount,
        kind: 'ORDER_RELEASED',
        causeId: order.id,
      })),
    );
    return moveOrders(sql, due, { to: 'COMPLETED', actor: 'SYSTEM' });
  }
}

async function lockDue(sql: SqlTransaction): Promise<OrderRow[]> {
  return rows<OrderRow>(
    sql,
    `/* orders.dueForRelease */ SELECT ${ORDER_COLUMNS} FROM shop_order o
      WHERE o.state = 'DELIVERED' AND o.release_at < clock_timestamp()
        AND NOT EXISTS (SELECT 1 FROM dispute d WHERE d.order_id = o.id AND d.state = 'OPEN')
      ORDER BY o.id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED`,
    [ORDERS_PER_TRANSACTION_MAX],
  );
}

/** Looks again behind the locks: who was locked in between may have been contested a moment before. */
async function withoutDisputes(sql: SqlTransaction, orders: readonly OrderRow[]): Promise<OrderRow[]> {
  if (orders.length === 0) return [];
  const contested = await rows<{ orderId: bigint }>(
    sql,
    `/* orders.contested */ SELECT order_id AS "orderId" FROM dispute WHERE order_id = ANY($1) AND state = 'OPEN'`,
    [orders.map(({ id }) => id)],
  );
  const ids = new Set(contested.map(({ orderId }) => orderId));
  return orders.filter(({ id }) => !ids.has(id));
}
