import type { Logger } from 'pino';
import { FAILED, measured, type Periodic } from '../kernel/every.ts';
import type { Instruments } from '../kernel/instruments.ts';
import { type Queryable, rows, type Statement, statement } from './database.ts';

/** Background work that only has something to do when the database says so. */
export type Sweep = {
  /** As in its metrics. One word, with hyphens. */
  name: string;
  /** How often to look whether there is something to do. */
  intervalMs: number;
  /**
   * Tables, conditions and order, as they follow FROM, of rows that there are when there is something to do. In the order of an index,
   * which Postgres then walks: it may not be able to tell from its statistics, of a table that was empty a moment ago, that it should.
   */
  due: readonly string[];
  /** Must not reject: what fails is its own to log, and to answer with {@link FAILED}; the next run tries again. */
  work: () => Promise<unknown>;
};

/** A sweep that has been started. */
type Started = Sweep & { nextMs: number; running: Promise<void> | undefined };

/**
 * Looks for what is due, for all sweeps whose time has come in one statement, and has those work that have something to do. A server
 * that nobody uses then asks a few times a second instead of some twenty, and so do a hundred servers.
 */
export class Sweeps {
  /** In the order of the statement's parts; those that were stopped stay. */
  readonly #known: Sweep[] = [];
  readonly #started = new Set<Started>();
  /** Of the known ones; made with the first. */
  #statement!: Statement;
  #timer: NodeJS.Timeout | undefined;
  #tickMs = Number.POSITIVE_INFINITY;

  constructor(
    private readonly sql: Queryable,
    private readonly log: Logger,
    private readonly instruments: Instruments,
  ) {}

  /** Looks and works from now on, one run at a time, until it is stopped. Does not keep the process alive. */
  start(sweep: Sweep): Periodic {
    const started = { ...sweep, nextMs: performance.now() + sweep.intervalMs, running: undefined };
    this.#known.push(started);
    this.#statement = lookFor(this.#known);
    this.#started.add(started);
    this.#setTimer();
    return {
      stop: async () => {
        this.#started.delete(started);
        this.#setTimer();
        await started.running;
      },
    };
  }

  /** Ticks as often as the most frequent sweep wishes; the others have their looks at its ticks, and share its statement. */
  #setTimer(): void {
    const tickMs = Math.min(...[...this.#started].map(({ intervalMs }) => intervalMs));
    if (tickMs === this.#tickMs) return;
    clearInterval(this.#timer);
    this.#tickMs = tickMs;
    this.#timer = Number.isFinite(tickMs) ? setInterval(() => this.#tick(), tickMs).unref() : undefined;
  }

  #tick(): void {
    // A timer may be early by a moment, and one that comes next is late by a whole tick: the nearer of both is taken.
    const nowMs = performance.now() + this.#tickMs / 2;
    const wanted = [...this.#started].filter(({ nextMs, running }) => nextMs <= nowMs && !running);
    if (wanted.length === 0) return;
    const look = this.#look(wanted);
    for (const sweep of wanted) {
      sweep.nextMs = performance.now() + sweep.intervalMs;
      const run = measured(async () => {
        const due = await look;
        if (!due) return FAILED;
        return due.has(sweep.name) ? sweep.work() : undefined;
      }, this.instruments.meters.sweeps.of(sweep.name));
      sweep.running = run.finally(() => {
        sweep.running = undefined;
      });
    }
  }

  /** Which of these have something to do; undefined when that could not be asked. */
  async #look(wanted: readonly Sweep[]): Promise<ReadonlySet<string> | undefined> {
    const isWanted = this.#known.map((sweep) => wanted.includes(sweep));
    try {
      const [found] = await rows<{ due: string[] }>(this.sql, this.#statement, [isWanted]);
      return new Set(found!.due);
    } catch (error) {
      this.log.warn({ err: error, sweeps: wanted.map(({ name }) => name) }, 'looking for what is due failed');
      return undefined;
    }
  }
}

/** One text for any of the sweeps together, so that it is prepared once: Postgres does not run the parts that are not wanted. */
function lookFor(sweeps: readonly Sweep[]): Statement {
  const parts = sweeps.map(({ name, due }, index) => {
    const looks = due.map((from) => `(SELECT '${name}' FROM ${from} LIMIT 1)`);
    return `CASE WHEN ($1::boolean[])[${index + 1}] THEN coalesce(${looks.join(', ')}) END`;
  });
  // A name is for one text: more sweeps are another.
  return statement(`sweeps.due.${parts.length}`, `SELECT array_remove(ARRAY[${parts.join(', ')}], NULL) AS due`);
}
