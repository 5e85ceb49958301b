import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Database, type Queryable, STATEMENT_TIMEOUT_MS } from '../../db/database.ts';
import { FAILED } from '../../kernel/every.ts';
import { QuarterStateError } from './reports.errors.ts';
import { type DayBooks, drawTransaction, findDayToRoll, haveEnded, rollDay, tryLockSweep } from './reports.repo.ts';

/**
 * A day is settled so long after its end. A row has the time of the statement that writes it, and no statement lasts longer than half of
 * this: by then whoever may still write into the day has a transaction id, see {@link untilSettled}.
 */
export const SETTLE_MS = 2 * STATEMENT_TIMEOUT_MS;
/** How long transactions from before are waited for, and how often they are looked at. */
const SETTLE_WAIT_MS_MAX = 15_000;
const SETTLE_LOOK_MS = 25;
/** Days that one sweep rolls up; the next goes on. */
const DAYS_PER_SWEEP_MAX = 31;

type Deps = { db: Database; log: Logger };

/**
 * Waits until every transaction that is under way now has ended. A gift's time is taken after its locks, so in a transaction that has an
 * id; whatever else takes its time earlier gets one within the statement timeout. So nothing more is written into a day that was over
 * for {@link SETTLE_MS} before the call.
 * @returns false when they last too long
 */
export async function untilSettled(sql: Queryable, waitMsMax = SETTLE_WAIT_MS_MAX): Promise<boolean> {
  const own = await drawTransaction(sql);
  const deadlineMs = performance.now() + waitMsMax;
  while (!(await haveEnded(sql, own))) {
    if (performance.now() >= deadlineMs) return false;
    await wait(SETTLE_LOOK_MS);
  }
  return true;
}

/**
 * Rolls up the days that are over, oldest first. Any number of servers may do so at once: one of them does, a day a transaction, and the
 * next sweep, whoever's it is, goes on where a server has died.
 */
export async function sweepDays({ db, log }: Deps, settleMs: number): Promise<unknown> {
  try {
    if ((await findDayToRoll(db.pool, settleMs)) === undefined) return;
    if (!(await untilSettled(db.pool))) {
      log.warn('a transaction has been running for long: days are not rolled up before it ends');
      return;
    }
    for (let days = 0; days < DAYS_PER_SWEEP_MAX; days++) {
      const isDone = await db.inTransaction(async (sql) => {
        if (!(await tryLockSweep(sql))) return true;
        const day = await findDayToRoll(sql, settleMs);
        if (day === undefined) return true;
        const difference = differenceOf(day, await rollDay(sql, day));
        if (difference) log.error({ day }, difference);
        return false;
      });
      if (isDone) return;
    }
  } catch (error) {
    log.warn({ err: error }, 'rolling up days failed; the next sweep tries again');
    return FAILED;
  }
}

/**
 * Rolls a day up again, for a quarter that is to be closed.
 * @throws {QuarterStateError} when it is not what the ledger says
 */
export async function rollDayExactly(sql: Queryable, day: string): Promise<void> {
  const difference = differenceOf(day, await rollDay(sql, day));
  if (difference) throw new QuarterStateError(difference);
}

/** In what a day differs from the ledger, in one sentence; undefined when it does not. */
export function differenceOf(day: string, books: DayBooks): string | undefined {
  const sums = [
    ['coins of gifts', books.coins, books.ledgerCoins],
    ['coins of reversed gifts', books.reversedCoins, books.ledgerReversedCoins],
    ['minor units of orders', books.paidMinor, books.ledgerPaidMinor],
    ['minor units of refunds', books.refundedMinor, books.ledgerRefundedMinor],
  ] as const;
  const wrong = sums.filter(([, rolled, ledger]) => rolled !== ledger);
  if (wrong.length === 0) return undefined;
  return `${day}: ${wrong
    .map(([what, rolled, ledger]) => `the report has ${rolled} ${what}, the ledger ${ledger} (${rolled - ledger} more)`)
    .join('; ')}.`;
}
