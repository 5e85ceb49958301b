import type { Logger } from 'pino';
import type { Database, Queryable } from '../../db/database.ts';
import { every, FAILED, type Periodic } from '../../kernel/every.ts';
import { GroupCommit } from '../../kernel/group-commit.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import {
  checksumOf,
  type Facts,
  type ReportDocument,
  type ReportRow,
  serialize,
  toDocument,
  toRows,
} from './document.ts';
import { type LinkTarget, removeEndedLinks } from './links.repo.ts';
import { makeLink, type ReportLink, useLink } from './links.ts';
import { daysOf, lastDay, nameOf, type Quarter, quarterBefore } from './quarters.ts';
import { QuarterStateError } from './reports.errors.ts';
import {
  type ClosedQuarter,
  type CoinPrice,
  findClosed,
  gatherReach,
  insertClosed,
  isOver,
  lockQuarter,
  readCoinPrice,
  readDays,
  readFigures,
  readTopCreators,
} from './reports.repo.ts';
import { rollDayExactly, SETTLE_MS, sweepDays, untilSettled } from './roll-ups.ts';
import { GROUP_SIZE_MIN } from './suppression.ts';

/** Creators that a report names. */
export const TOP_CREATORS_MAX = 10;
/** How often days that are over are looked for. */
const SWEEP_INTERVAL_MS = 60_000;
/** Readers that may wait for a report that is not closed, and how many of them one computation answers. */
const READ_QUEUE_MAX = 1_000;
const RETRY_AFTER_MS = 1_000;
/** Ended links that one sweep removes. */
const LINKS_PER_SWEEP_MAX = 1_000;

/** What tests override. */
export type ReportsOptions = {
  sweepIntervalMs?: number;
  settleMs?: number;
  settleWaitMsMax?: number;
  linkLifeMs?: number;
};

/** A line of a report, with what belongs to all lines of it. */
export type Report = {
  quarter: Quarter;
  row: ReportRow;
  price: { currency: string; minorPer1000: number };
  groupSizeMin: number;
  /** Whoever asks may not see it: every figure reads 0. */
  suppressed: boolean;
  closed: ClosedQuarter | undefined;
  /** Whether whoever asks sees everything. */
  seesAll: boolean;
};

/** The lines of a quarter, the world first, and what belongs to all of them. */
type Lines = Pick<Report, 'price' | 'groupSizeMin' | 'closed'> & { rows: ReportRow[] };

/** Quarterly reports: reading them, closing quarters, and rolling up days meanwhile. */
export class Reports {
  /** Dear to compute: however many ask, each server computes one at a time, and whoever comes meanwhile shares the next. */
  readonly #open: GroupCommit<Quarter, Lines>;
  #sweep: Periodic | undefined;

  constructor(
    private readonly deps: { db: Database; log: Logger },
    private readonly options: ReportsOptions = {},
  ) {
    this.#open = new GroupCommit({
      watched: { name: 'reports', instruments: this.deps.db.instruments },
      commit: (batch) => this.#readOpen(batch),
      batchMax: READ_QUEUE_MAX,
      queueMax: READ_QUEUE_MAX,
      retryAfterMs: RETRY_AFTER_MS,
      attemptsMax: 1,
      classify: () => 'fail',
    });
  }

  /** Rolls days up from now on. */
  start(): void {
    const sweep = async () => {
      const results = [await sweepDays(this.deps, this.#settleMs), await this.#sweepLinks()];
      return results.find((result) => result === FAILED);
    };
    const meter = this.deps.db.instruments.meters.sweeps.of('reports');
    this.#sweep = every(this.options.sweepIntervalMs ?? SWEEP_INTERVAL_MS, sweep, meter);
  }

  /** Answers those who wait, then stops. */
  async close(): Promise<void> {
    await Promise.all([this.#open.close(), this.#sweep?.stop()]);
  }

  /**
   * A quarter's report, of a region or of the world. While the quarter is not closed the public sees the world's only: from two answers
   * for a region, with one gift in between, anybody could tell where its sender is.
   * @throws {OverloadedError}
   */
  async report(actor: Actor | undefined, quarter: Quarter, region?: string | null | undefined): Promise<Report> {
    const lines = (await this.#readClosed(quarter)) ?? (await this.#open.submit(quarter));
    const row = lines.rows.find((candidate) => candidate.region === (region ?? '')) ?? emptyRow(region ?? '');
    const seesAll = actor?.isOperator === true;
    const isPublic = row.region === '' || (row.shown && lines.closed !== undefined);
    const suppressed = !isPublic && !seesAll;
    const { price, groupSizeMin, closed } = lines;
    return { quarter, row: suppressed ? emptyRow(row.region) : row, price, groupSizeMin, suppressed, closed, seesAll };
  }

  /** The whole report, for operators: the bytes as they were closed, or as they would be now. */
  async document(quarter: Quarter): Promise<{ document: ReportDocument; text: string; closed?: ClosedQuarter }> {
    const closed = await findClosed(this.deps.db.pool, quarter);
    if (closed) return { document: JSON.parse(closed.document) as ReportDocument, text: closed.document, closed };
    const document = await readDocument(this.deps.db.pool, quarter);
    return { document, text: serialize(document) };
  }

  /**
   * Closes a quarter: makes every day of it anew, compares each with the ledger, and keeps the report for good. Of a quarter that is
   * closed already the report is made again, and must have the same bytes. May be repeated, at once and after a crash.
   * @throws {QuarterStateError} it is not over; something from before its end is still being written; a day is not what the ledger says;
   *   or the closed report is another than what the ledger says now
   */
  async closeQuarter(actor: Actor, quarter: Quarter): Promise<{ report: Report; replayed: boolean }> {
    const { db } = this.deps;
    if (!(await isOver(db.pool, lastDay(quarter), this.#settleMs))) {
      throw new QuarterStateError(`${nameOf(quarter)} is not over. It can be closed a minute after its last day.`);
    }
    if (!(await untilSettled(db.pool, this.options.settleWaitMsMax))) {
      throw new QuarterStateError(
        'Something that began before the quarter ended is still being written. Try again in a moment.',
      );
    }
    for (const day of daysOf(quarter)) await rollDayExactly(db.pool, day);
    const replayed = await db.inTransaction(async (sql) => {
      await lockQuarter(sql, quarter);
      await gatherReach(sql, quarter);
      const closed = await findClosed(sql, quarter);
      const frozen = closed && (JSON.parse(closed.document) as ReportDocument);
      const text = serialize(await readDocument(sql, quarter, frozen));
      if (closed && closed.document !== text) throw new QuarterStateError(changeOf(closed.document, text));
      if (!closed) await insertClosed(sql, quarter, { document: text, checksum: checksumOf(text), closedBy: actor.id });
      return closed !== undefined;
    });
    return { report: await this.report(actor, quarter), replayed };
  }

  /** A link with which a browser opens a report, once. For operators. */
  createLink(viewerId: bigint, target: LinkTarget): Promise<ReportLink> {
    return makeLink(this.deps.db.pool, viewerId, target, this.options.linkLifeMs);
  }

  /** Uses a link up. Returns whose it was; undefined when it opens nothing. */
  useLink(key: string, target: LinkTarget): Promise<bigint | undefined> {
    return useLink(this.deps.db.pool, key, target);
  }

  async #sweepLinks(): Promise<unknown> {
    try {
      await removeEndedLinks(this.deps.db.pool, LINKS_PER_SWEEP_MAX);
    } catch (error) {
      this.deps.log.warn({ err: error }, 'removing ended links failed; the next sweep tries again');
      return FAILED;
    }
  }

  get #settleMs(): number {
    return this.options.settleMs ?? SETTLE_MS;
  }

  async #readClosed(quarter: Quarter): Promise<Lines | undefined> {
    const closed = await findClosed(this.deps.db.pool, quarter);
    if (!closed) return undefined;
    const { world, regions, coinPrice, groupSizeMin } = JSON.parse(closed.document) as ReportDocument;
    return { rows: [world, ...regions], price: coinPrice, groupSizeMin, closed };
  }

  async #readOpen(quarters: readonly Quarter[]): Promise<Lines[]> {
    const read = new Map<string, Lines>();
    for (const quarter of quarters) {
      if (read.has(nameOf(quarter))) continue;
      const facts = await readFacts(this.deps.db.pool, quarter);
      const price = { currency: facts.price.currency, minorPer1000: Number(facts.price.minorPer1000) };
      read.set(nameOf(quarter), { rows: toRows(facts), price, groupSizeMin: facts.groupSizeMin, closed: undefined });
    }
    return quarters.map((quarter) => read.get(nameOf(quarter))!);
  }
}

/** What was frozen with a report that is made again. */
type Frozen = Pick<ReportDocument, 'coinPrice' | 'groupSizeMin' | 'topCreators'>;

async function readFacts(sql: Queryable, quarter: Quarter, frozen?: Frozen): Promise<Facts> {
  const price: CoinPrice = frozen
    ? { currency: frozen.coinPrice.currency, minorPer1000: BigInt(frozen.coinPrice.minorPer1000) }
    : await readCoinPrice(sql, quarter);
  const figures = await readFigures(sql, quarter);
  const before = await readFigures(sql, quarterBefore(quarter));
  return { figures, before, price, groupSizeMin: frozen?.groupSizeMin ?? GROUP_SIZE_MIN };
}

async function readDocument(sql: Queryable, quarter: Quarter, frozen?: Frozen): Promise<ReportDocument> {
  const facts = await readFacts(sql, quarter, frozen);
  const days = await readDays(sql, quarter);
  const found = await readTopCreators(sql, quarter, TOP_CREATORS_MAX);
  const names = new Map(frozen?.topCreators.map(({ id, handle, displayName }) => [id, { handle, displayName }]));
  const topCreators = found.map((creator) => ({ ...creator, ...names.get(String(creator.creatorId)) }));
  return toDocument(quarter, { ...facts, days, topCreators });
}

/** Where a report that is made again differs from the closed one: its first line that does. */
function changeOf(closed: string, again: string): string {
  const [was, is] = [closed.split('\n'), again.split('\n')];
  const at = was.findIndex((text, index) => text !== is[index]);
  const line = (lines: readonly string[]) => lines[at]?.trim().replace(/,$/, '');
  return `The closed report (${checksumOf(closed)}) is not what the ledger says now (${checksumOf(again)}): line ${at + 1} was ${line(was)}, and would be ${line(is)}.`;
}

/** The line of a region in which nothing happened, or that may not be seen. */
function emptyRow(region: string): ReportRow {
  return {
    region,
    shown: true,
    growthShown: false,
    gifts: 0,
    giftCoins: 0,
    giftSpendMinor: 0,
    sentCoins: 0,
    reversals: 0,
    reversedCoins: 0,
    gifters: 0,
    creators: 0,
    giftCoinsGrowth: null,
    giftersGrowth: null,
    orders: 0,
    buyers: 0,
    sales: [],
  };
}
