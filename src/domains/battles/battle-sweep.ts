import type { Logger } from 'pino';
import type { Database, SqlTransaction } from '../../db/database.ts';
import { FAILED, type Periodic } from '../../kernel/every.ts';
import type { Live } from '../../live/live.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { appendEvents, lockLogs } from '../../live/live-log.ts';
import { expireInvites, findDueBattles, hasDue, lockFreeBattles, readRunning, writeTurns } from './battles.repo.ts';
import { turn } from './battles.rules.ts';

/** How often battles are looked at: a border or an end comes up to so much later than its time. */
export const SWEEP_INTERVAL_MS = 250;
/** How often a battle tells how it stands, at the most. */
export const SCORED_EVERY_MS = 1_000;
/** Battles of one SQL transaction, and transactions of one sweep; the next goes on. Gifts in their streams wait for it. */
const BATTLES_PER_TRANSACTION_MAX = 20;
const TRANSACTIONS_PER_SWEEP_MAX = 100;
/** Invitations that one statement closes. */
const INVITES_PER_STATEMENT_MAX = 500;

/** Intervals that tests override. */
export type BattleSweepOptions = { sweepIntervalMs?: number | undefined; scoredEveryMs?: number | undefined };

/**
 * Moves battles on: multipliers, scores, extensions and ends. All there is to know stands in the rows, so a battle of a server that
 * died goes on with whichever server looks next; of two that look at once one has the row, and the other passes it over.
 */
export class BattleSweep {
  #sweeping: Periodic | undefined;
  readonly #scoredEveryMs: number;

  constructor(
    private readonly deps: { db: Database; live: Live; log: Logger },
    private readonly options: BattleSweepOptions = {},
  ) {
    this.#scoredEveryMs = options.scoredEveryMs ?? SCORED_EVERY_MS;
  }

  start(): void {
    this.#sweeping = this.deps.db.sweeps.start({
      name: 'battles',
      intervalMs: this.options.sweepIntervalMs ?? SWEEP_INTERVAL_MS,
      due: hasDue(this.#scoredEveryMs),
      work: () => this.#sweep(),
    });
  }

  async close(): Promise<void> {
    await this.#sweeping?.stop();
  }

  async #sweep(): Promise<unknown> {
    const { db, live, log } = this.deps;
    try {
      for (let transaction = 0; transaction < TRANSACTIONS_PER_SWEEP_MAX; transaction++) {
        const ids = await findDueBattles(db.pool, BATTLES_PER_TRANSACTION_MAX, this.#scoredEveryMs);
        if (ids.length === 0) break;
        const events = await db.inTransaction((sql) => this.#turn(sql, ids));
        live.announce(events);
        if (events.length === 0) break; // another server has them in hand
      }
      await expireInvites(db.pool, null, INVITES_PER_STATEMENT_MAX);
    } catch (error) {
      log.warn({ err: error }, 'moving battles on failed; the next sweep tries again');
      return FAILED;
    }
  }

  async #turn(sql: SqlTransaction, ids: readonly bigint[]): Promise<LiveEvent[]> {
    const locked = await lockFreeBattles(sql, ids);
    if (locked.length === 0) return [];
    await lockLogs(
      sql,
      locked.flatMap(({ streamId, opponentStreamId }) => [streamId, opponentStreamId]),
    );
    const { battles, now } = await readRunning(
      sql,
      locked.map(({ id }) => id),
    );
    const turns = battles.map((battle) => turn(battle, now, this.#scoredEveryMs));
    const moved = turns.filter(({ drafts }) => drafts.length > 0);
    await writeTurns(sql, moved, now);
    return appendEvents(
      sql,
      moved.flatMap(({ drafts }) => drafts),
    );
  }
}
