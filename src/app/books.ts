import type { Logger } from 'pino';
import { type Queryable, rows } from '../db/database.ts';
import { every, type Periodic } from '../kernel/every.ts';

/** How often the books are looked at. */
export const BOOKS_INTERVAL_MS = 60_000;
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
  extract(epoch FROM clock_timestamp())::float8 AS "checkedAtSeconds"`;

/** Looks at the books again and again, for the metrics. What it cannot read stays as it was, and its time gets old. */
export class BooksCheck {
  last: Books | undefined;
  failures = 0;
  #looking: Periodic | undefined;

  constructor(
    private readonly deps: { probe: Queryable; log: Logger },
    private readonly intervalMs: number = BOOKS_INTERVAL_MS,
  ) {}

  start(): void {
    this.#looking = every(this.intervalMs, () => this.look());
    void this.look();
  }

  async close(): Promise<void> {
    await this.#looking?.stop();
  }

  async look(): Promise<void> {
    try {
      const [books] = await rows<Books>(this.deps.probe, READ, [STUCK_AFTER_SECONDS]);
      this.last = books;
      const { imbalance, negative, oversold } = books!;
      if (imbalance + negative + oversold > 0) this.deps.log.error({ books }, 'the books do not agree');
    } catch (error) {
      this.failures++;
      this.deps.log.warn({ err: error }, 'the books could not be read; the next look tries again');
    }
  }
}
