import type { Logger } from 'pino';
import { type Database, rows } from '../../db/database.ts';
import { every, FAILED, type Periodic } from '../../kernel/every.ts';
import { abortable } from '../../kernel/iterate.ts';
import { Wake } from '../../kernel/wake.ts';
import type { Bus } from '../../live/bus.ts';
import { channels } from '../../live/channels.ts';
import type { ChangedOrder, OrderNews } from './orders.api.ts';

/** How often watched orders are compared with Postgres, in case the bus lost a message. */
export const ORDER_POLL_INTERVAL_MS = 5_000;
/** Orders of one buyer that one look at Postgres reads, newest first: what is older changes seldom, and then the bus says so. */
const ORDERS_PER_POLL_MAX = 100;

/** Whose orders somebody watches: those of a buyer, or a single one. */
export type OrderWatch = { buyerId: bigint } | { orderId: bigint };

/** What a watcher has seen: versions by order. Nothing is queued: an order that changes twice is delivered once, as it is then. */
type Watcher = { wants: OrderWatch; pending: Set<bigint>; seen: Map<bigint, bigint>; wake: Wake };

/**
 * Tells watchers which orders have changed; what they may see of them is theirs to read, at the time of each delivery. One bus
 * message a batch, one subscription a process while anybody watches; what the bus loses is found by a poll.
 */
export class OrderUpdates implements OrderNews {
  /** By what they want, see {@link keyOf}. */
  readonly #watchers = new Map<string, Set<Watcher>>();
  #subscription: Promise<() => Promise<void>> | undefined;
  readonly #poll: Periodic;

  constructor(
    private readonly deps: { db: Database; bus: Bus; log: Logger },
    pollIntervalMs: number = ORDER_POLL_INTERVAL_MS,
  ) {
    const poll = () => this.#refresh([...this.#watchers.values()].flatMap((some) => [...some]));
    this.#poll = every(pollIntervalMs, poll, this.deps.db.instruments.meters.sweeps.of('watched-orders'));
  }

  announce(orders: readonly ChangedOrder[]): void {
    if (orders.length === 0) return;
    const message = JSON.stringify(orders.map(({ id, buyerId, version }) => [id, buyerId, version].map(String)));
    this.deps.bus.publish(channels.orders(), message).catch((error: unknown) => {
      this.deps.log.warn({ err: error }, 'announcing orders failed; watchers poll');
    });
  }

  /** Ids of the orders: a single one at once, and each that changes from now on. */
  watch(wants: OrderWatch): AsyncIterableIterator<bigint> {
    return abortable((signal) => this.#follow(wants, signal));
  }

  async close(): Promise<void> {
    await this.#poll.stop();
    await (await this.#subscription)?.();
  }

  async *#follow(wants: OrderWatch, signal: AbortSignal): AsyncGenerator<bigint, void, undefined> {
    const watcher: Watcher = { wants, pending: new Set(), seen: new Map(), wake: new Wake() };
    const key = keyOf(wants);
    const others = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, others.add(watcher));
    try {
      this.#subscription ??= this.deps.bus.subscribe(channels.orders(), (message) => this.#hear(message));
      await this.#subscription.catch((error: unknown) => {
        this.#subscription = undefined; // the next watcher tries again
        throw error;
      });
      await this.#refresh([watcher]);
      // What there was before is no news; a single order is shown as it is.
      if (!('orderId' in wants)) watcher.pending.clear();
      while (!signal.aborted) {
        const [next] = watcher.pending;
        if (next === undefined) await watcher.wake.wait(signal);
        else {
          watcher.pending.delete(next);
          yield next;
        }
      }
    } finally {
      others.delete(watcher);
      if (others.size === 0) this.#watchers.delete(key);
    }
  }

  #hear(message: string): void {
    for (const [id, buyerId, version] of JSON.parse(message) as [string, string, string][]) {
      this.#offer({ id: BigInt(id), buyerId: BigInt(buyerId), version: BigInt(version) });
    }
  }

  async #refresh(watchers: readonly Watcher[]): Promise<unknown> {
    if (watchers.length === 0) return;
    const buyerIds = watchers.flatMap(({ wants }) => ('buyerId' in wants ? wants.buyerId : []));
    const orderIds = watchers.flatMap(({ wants }) => ('orderId' in wants ? wants.orderId : []));
    try {
      const found = await rows<ChangedOrder>(
        this.deps.db.pool,
        `/* orders.watched */ SELECT o.id, o.buyer_id AS "buyerId", o.version FROM unnest($1::bigint[]) b(id)
           CROSS JOIN LATERAL (SELECT * FROM shop_order WHERE buyer_id = b.id ORDER BY id DESC LIMIT $3) o
         UNION ALL SELECT id, buyer_id, version FROM shop_order WHERE id = ANY($2)`,
        [[...new Set(buyerIds)], orderIds, ORDERS_PER_POLL_MAX],
      );
      for (const order of found) this.#offer(order);
    } catch (error) {
      this.deps.log.warn({ err: error }, 'reading watched orders failed; the next poll tries again');
      return FAILED;
    }
  }

  #offer({ id, buyerId, version }: ChangedOrder): void {
    for (const key of [keyOf({ orderId: id }), keyOf({ buyerId })]) {
      for (const { pending, seen, wake } of this.#watchers.get(key) ?? []) {
        if ((seen.get(id) ?? 0n) >= version) continue;
        seen.set(id, version);
        pending.add(id);
        wake.wakeAll();
      }
    }
  }
}

function keyOf(wants: OrderWatch): string {
  return 'orderId' in wants ? `order:${wants.orderId}` : `buyer:${wants.buyerId}`;
}
