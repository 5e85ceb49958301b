import { AsyncLocalStorage } from 'node:async_hooks';
import type pg from 'pg';
import type { Logger } from 'pino';
import { every, type Periodic } from '../kernel/every.ts';

/** How far behind the primary a replica may be; further, or unheard for so long, and everything is read from the primary. */
export const REPLICA_LAG_MS_MAX = 2_000;
/** How often it is asked how far it is. */
export const REPLICA_CHECK_INTERVAL_MS = 200;
/** How long the replica may take for a statement; longer is as if it were down. */
export const REPLICA_ANSWER_MS_MAX = 2_000;
/** Places in the log of the primary that the replica has not reached yet: no more than fit the greatest lag. */
const MARKS_MAX = 2 * Math.ceil(REPLICA_LAG_MS_MAX / REPLICA_CHECK_INTERVAL_MS);

/** Whether what is read just now comes from the replica. Goes with the execution that asks, through all it awaits. */
const scope = new AsyncLocalStorage<boolean>();

/** Whether what is read just now comes from the replica. */
export function readsFromReplica(): boolean {
  return scope.getStore() === true;
}

/** What `work` reads comes from the replica. What it writes, and SQL transactions, go to the primary all the same. */
export function onReplica<Result>(work: () => Result): Result {
  return scope.run(true, work);
}

/**
 * What `work` reads comes from the primary, whoever asks: for what is kept for others. Only within {@link onReplica} is there
 * anything to do: once something has run in a scope, Node follows every promise of the process, which costs a few percent.
 */
export function onPrimary<Result>(work: () => Result): Result {
  return readsFromReplica() ? scope.run(false, work) : work();
}

type Mark = { atMs: number; lsn: bigint };

/**
 * How fresh a replica is: again and again the primary is asked where its log ends, and the replica how far it has come. All that
 * was committed before a time is there once it has passed the place where the log ended then. Times are those of this process
 * alone (`performance.now()`): no clocks are compared.
 */
export class Replica {
  readonly #marks: Mark[] = [];
  #freshAsOfMs = Number.NEGATIVE_INFINITY;
  #wasUsed = false;
  #timer: Periodic | undefined;

  constructor(
    readonly pool: pg.Pool,
    /** A connection of its own: where the log ends must be known also while all others are busy. */
    private readonly primary: pg.Pool,
    private readonly log: Logger,
  ) {}

  /** Begins to watch it. Waits for the first look, whatever comes of it. */
  async start(): Promise<void> {
    await this.#check();
    this.#timer = every(REPLICA_CHECK_INTERVAL_MS, () => this.#check());
  }

  /** The replica has all that was committed before this time; undefined when it is down or too far behind to be read. */
  get freshAsOfMs(): number | undefined {
    return performance.now() - this.#freshAsOfMs <= REPLICA_LAG_MS_MAX ? this.#freshAsOfMs : undefined;
  }

  /** Whether queries are read from it. */
  get isUsed(): boolean {
    return this.freshAsOfMs !== undefined;
  }

  /** How far it is behind at the most; Infinity when nobody knows. */
  get lagMs(): number {
    return performance.now() - this.#freshAsOfMs;
  }

  /** Something went wrong in a read of it: it is not read again before it has been looked at. */
  suspect(): void {
    this.#freshAsOfMs = Number.NEGATIVE_INFINITY;
  }

  async close(): Promise<void> {
    await this.#timer?.stop();
    await Promise.all([this.pool.end(), this.primary.end()]);
  }

  async #check(): Promise<void> {
    try {
      const atMs = performance.now();
      const lsn = await readLsn(this.primary, '/* replica.end */ SELECT pg_current_wal_lsn() - $1::pg_lsn AS lsn');
      if (lsn !== null) this.#marks.push({ atMs, lsn });
      // Null on a server that is no replica, or not any more.
      const reached = await readLsn(
        this.pool,
        '/* replica.reached */ SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() - $1::pg_lsn END AS lsn',
      );
      if (reached !== null) this.#pass(reached);
      if (this.#marks.length > MARKS_MAX) this.#marks.shift();
      this.#note(undefined);
    } catch (error) {
      this.#note(error);
    }
  }

  #pass(reached: bigint): void {
    while (this.#marks[0] && this.#marks[0].lsn <= reached) this.#freshAsOfMs = this.#marks.shift()!.atMs;
  }

  #note(error: unknown): void {
    const isUsable = this.isUsed;
    if (isUsable && !this.#wasUsed) this.log.info('queries read from the replica');
    if (!isUsable && this.#wasUsed) {
      this.log.warn({ err: error }, 'the replica is down or too far behind; queries read from the primary');
    }
    this.#wasUsed = isUsable;
  }
}

async function readLsn(pool: pg.Pool, text: string): Promise<bigint | null> {
  const { rows } = await pool.query<{ lsn: string | null }>(text, ['0/0']);
  return rows[0]?.lsn == null ? null : BigInt(rows[0].lsn);
}
