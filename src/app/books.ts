import type { Logger } from 'pino';
import { type Queryable, rows } from '../db/database.ts';
import { every, FAILED, type Periodic } from '../kernel/every.ts';
import type { SweepMeter } from '../kernel/instruments.ts';

/** How often the books are looked at, by one of all servers. */
export const BOOKS_INTERVAL_MS = 60_000;
/** How often in that time each server sees whether it is time, and what was seen last. */
const GLANCES_PER_INTERVAL = 4;
/** What is later than this is stuck: the sweeps look every few seconds. */
const STUCK_AFTER_SECONDS = 120;

/** What must be zero; and when it was last looked at, in seconds since 1970. */
export type Books = {
  imbalance: number;
  negative: number;
  oversold: number;
  stuckHolds: number;
  stuckOrders: number;
  stuckReleases: number;
  /** Months behind the current one that have partitions; -1 when not even the current one has. */
  monthsAhead: number;
  checkedAtSeconds: number;
};

/** The same as sums over all rows; `npm run audit` recomputes every transfer. */
const READ = `/* app.books */ SELECT
  (SELECT coalesce(sum(abs(total)), 0) FROM (SELECT sum(balance) AS total FROM ledger_account GROUP BY unit) units)::float8 AS "imbalance",
  (SELECT count(*) FROM ledger_account WHERE balance < 0 AND kind NOT IN ('ISSUANCE', 'CLEARING', 'DEBT'))::int AS "negative",
  ((SELECT count(*) FROM offer WHERE held < 0 OR sold < 0 OR held + sold > quantity)
    + (SELECT count(*) FROM inventory WHERE held < 0 OR held > on_hand))::int AS "oversold",
  (SELECT count(*) FROM checkout WHERE state = 'HELD'
     AND held_until < clock_timestamp() - make_interval(secs => $1))::int AS "stuckHolds",
  (SELECT count(*) FROM shop_order o JOIN checkout c ON c.id = o.checkout_id
    WHERE o.state = 'PENDING_PAYMENT' AND c.state <> 'HELD')::int AS "stuckOrders",
  (SELECT count(*) FROM shop_order WHERE state = 'DELIVERED'
     AND release_at < clock_timestamp() - make_interval(secs => $1))::int AS "stuckReleases",
  (SELECT count(*) - 1 FROM month_partition WHERE month >= month_of(clock_timestamp()))::int AS "monthsAhead",
  extract(epoch FROM clock_timestamp())::float8 AS "checkedAtSeconds"`;

/** Takes the look for this server, unless some server has in this interval. One that is claimed in the future was so by a clock that was ahead. */
const CLAIM = `/* app.claimBooks */ UPDATE books_look SET claimed_at = clock_timestamp()
  WHERE claimed_at <= clock_timestamp() - $1 * interval '1 millisecond' OR claimed_at > clock_timestamp() + $1 * interval '1 millisecond'
  RETURNING 1`;
const STORE = '/* app.storeBooks */ UPDATE books_look SET seen = $1';
const SEEN = '/* app.seenBooks */ SELECT seen FROM books_look';

/**
 * Looks at the books again and again, for the metrics: one of all servers does, and the others read what it has seen. One that dies
 * or fails in the look is followed by another an interval later. What cannot be read stays as it was, and its time gets old.
 */
export class BooksCheck {
  last: Books | undefined;
  failures = 0;
  #looking: Periodic | undefined;

  constructor(
    private readonly deps: { probe: Queryable; log: Logger; meter?: SweepMeter },
    private readonly intervalMs: number = BOOKS_INTERVAL_MS,
  ) {}

  start(): void {
    this.#looking = every(this.intervalMs / GLANCES_PER_INTERVAL, () => this.look(), this.deps.meter);
    void this.look();
  }

  async close(): Promise<void> {
    await this.#looking?.stop();
  }

  /** Looks, if it is time to and nobody else does; else takes over what was seen. */
  async look(): Promise<unknown> {
    const { probe, log } = this.deps;
    try {
      const isOurs = (await rows(probe, CLAIM, [this.intervalMs])).length > 0;
      if (isOurs) {
        const [books] = await rows<Books>(probe, READ, [STUCK_AFTER_SECONDS]);
        await rows(probe, STORE, [JSON.stringify(books)]);
        const { imbalance, negative, oversold } = books!;
        if (imbalance + negative + oversold > 0) log.error({ books }, 'the books do not agree');
      }
      const [look] = await rows<{ seen: Books | null }>(probe, SEEN, []);
      this.last = look?.seen ?? undefined;
    } catch (error) {
      this.failures++;
      log.warn({ err: error }, 'the books could not be read; the next look tries again');
      return FAILED;
    }
  }
}
