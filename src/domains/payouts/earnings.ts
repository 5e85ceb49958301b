import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import { every, FAILED, type Periodic } from '../../kernel/every.ts';
import { lockLogs } from '../../live/live-log.ts';
import type { StreamEnding } from '../streams/streams.api.ts';
import type { Wallets } from '../wallet/wallet.api.ts';
import { lockDiamonds, moveDiamonds } from './diamonds.ts';
import { cutBuckets, findDueCreators, findUncut, settleBuckets } from './earnings.repo.ts';
import { CUT_INTERVAL_MS, type PayoutsOptions, SETTLE_INTERVAL_MS, SETTLEMENT_HOLD_MS } from './payouts.limits.ts';

/** Logs that one cut holds at once, for as long as a statement takes; and pages of one sweep. */
const STREAMS_PER_CUT_MAX = 20;
const CREATORS_PER_READ_MAX = 100;
const PAGES_PER_SWEEP_MAX = 1_000;
/** Buckets that one SQL transaction settles. */
const BUCKETS_PER_SETTLEMENT_MAX = 500;

type Deps = { db: Database; wallets: Wallets; log: Logger };

/**
 * What becomes of diamonds until they can be paid out. They pend in buckets, which are cut when their stream ends or runs on into
 * another UTC day, and are settled when the hold of the bucket is over. Any number of servers do so: a cut goes by the log's lock and
 * a settlement by the accounts', and each looks again behind the lock.
 *
 * All times are Postgres's. A clock that jumps back delays; one that jumps ahead settles early, and nothing is settled twice.
 */
export class Earnings {
  readonly #running: Periodic[] = [];
  #closing = false;

  constructor(
    private readonly deps: Deps,
    private readonly options: PayoutsOptions = {},
  ) {}

  /** Cuts the last bucket of a stream that ends. */
  readonly ending: StreamEnding = {
    end: async (sql, streamId) => {
      await cutBuckets(sql, [streamId], { holdMs: this.#holdMs });
      return { drafts: [] };
    },
  };

  /** How long diamonds pend. */
  get holdHours(): number {
    return Math.ceil(this.#holdMs / 3_600_000);
  }

  start(): void {
    const { sweeps } = this.deps.db.instruments.meters;
    const cut = () => this.#guard('cutting earnings', () => this.cut());
    const settle = () => this.#guard('settling earnings', () => this.settle());
    this.#running.push(
      every(this.options.cutIntervalMs ?? CUT_INTERVAL_MS, cut, sweeps.of('earnings-cut')),
      every(this.options.settleIntervalMs ?? SETTLE_INTERVAL_MS, settle, sweeps.of('earnings-settle')),
    );
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#running.map((periodic) => periodic.stop()));
  }

  /** Cuts the buckets of streams that have run on into another UTC day. */
  async cut(): Promise<void> {
    const { db } = this.deps;
    for (let page = 0, afterId = 0n; page < PAGES_PER_SWEEP_MAX && !this.#closing; page++) {
      const { streamIds, day } = await findUncut(db.pool, { afterId, limit: STREAMS_PER_CUT_MAX });
      if (streamIds.length > 0) {
        await db.inTransaction(async (sql) => {
          await lockLogs(sql, streamIds);
          await cutBuckets(sql, streamIds, { holdMs: this.#holdMs, since: day });
        });
      }
      if (streamIds.length < STREAMS_PER_CUT_MAX) return;
      afterId = streamIds.at(-1)!;
    }
  }

  /** Settles the buckets whose hold is over. One creator whose books are broken does not keep the others waiting. */
  async settle(): Promise<unknown> {
    const { db, log } = this.deps;
    let result: unknown;
    for (let page = 0, afterId = 0n; page < PAGES_PER_SWEEP_MAX && !this.#closing; page++) {
      const creatorIds = await findDueCreators(db.pool, { afterId, limit: CREATORS_PER_READ_MAX });
      for (const creatorId of creatorIds) {
        if (this.#closing) return result;
        try {
          await this.#settleOf(creatorId);
        } catch (error) {
          log.error({ err: error, creatorId: creatorId.toString() }, 'the earnings of a creator were not settled');
          result = FAILED;
        }
      }
      if (creatorIds.length < CREATORS_PER_READ_MAX) break;
      afterId = creatorIds.at(-1)!;
    }
    return result;
  }

  async #settleOf(creatorId: bigint): Promise<void> {
    const { db, wallets } = this.deps;
    await db.inTransaction(async (sql) => {
      const diamonds = await lockDiamonds(sql, wallets, creatorId);
      const settled = await settleBuckets(sql, creatorId, BUCKETS_PER_SETTLEMENT_MAX);
      const moves = settled.map(
        ({ id, diamonds: amount }) =>
          ({ from: 'PENDING', to: 'AVAILABLE', amount, kind: 'DIAMONDS_SETTLED', causeId: id }) as const,
      );
      await moveDiamonds(sql, wallets, diamonds, moves);
    });
  }

  async #guard(what: string, work: () => Promise<unknown>): Promise<unknown> {
    try {
      return await work();
    } catch (error) {
      this.deps.log.warn({ err: error }, `${what} failed; the next sweep tries again`);
      return FAILED;
    }
  }

  get #holdMs(): number {
    return this.options.settlementHoldMs ?? SETTLEMENT_HOLD_MS;
  }
}
