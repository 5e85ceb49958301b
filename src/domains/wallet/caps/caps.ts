import type { Database, Queryable, SqlTransaction } from '../../../db/database.ts';
import { createLookUp } from '../../../db/look-up.ts';
import type { CapPeriod } from '../wallet.errors.ts';
import { lockAccounts, type WalletState } from '../wallet.repo.ts';
import { insertLimits, type Limits, readLimits, readSpent, updateCap } from './caps.repo.ts';
import { type Cap, nextCap } from './caps.rules.ts';

/** A cap that a viewer has set, as it is now. */
export type SpendingCap = {
  period: CapPeriod;
  coins: bigint;
  remaining: bigint;
  resetsAt: Date;
  /** What it becomes at `nextFrom`; null is no cap. */
  nextCoins: bigint | null;
  /** Null when no raise waits. */
  nextFrom: Date | null;
};

type Deps = {
  db: Database;
  /** The account that holds a viewer's coins. */
  walletOf: (sql: Queryable, viewerId: bigint) => Promise<bigint>;
  read: (sql: Queryable, viewerId: bigint) => Promise<WalletState>;
  announce: (wallets: readonly WalletState[]) => void;
};

/**
 * What viewers allow themselves to spend. Caps are enforced where coins are spent, under the lock of the wallet; they are set under the same
 * lock. So a gift and a change of a cap that come at once have an order, and the gift goes by the cap of before or of after, as a whole.
 */
export class SpendingCaps {
  readonly #limits: (viewerId: bigint) => Promise<Limits | null>;

  constructor(private readonly deps: Deps) {
    this.#limits = createLookUp(
      (ids) => readLimits(deps.db.pool, ids),
      ({ viewerId }) => viewerId,
    );
  }

  /** A viewer's caps. Those of several viewers that are asked for at once are read together. */
  async of(viewerId: bigint): Promise<SpendingCap[]> {
    const limits = await this.#limits(viewerId);
    return limits ? PERIODS.flatMap((period) => toSpendingCap(period, limits) ?? []) : [];
  }

  /**
   * Sets a viewer's cap for a period, as {@link nextCap} says. Again changes nothing.
   * @param coins null for no cap
   */
  async set(viewerId: bigint, period: CapPeriod, coins: bigint | null): Promise<WalletState> {
    const { db } = this.deps;
    const walletId = await this.deps.walletOf(db.pool, viewerId);
    // Whoever spends much has a long chain: it is walked before the lock, and under the lock only what has come since.
    const isFirst = (await readLimits(db.pool, [viewerId])).length === 0;
    const before = isFirst ? await readSpent(db.pool, walletId, null) : undefined;
    const changed = await db.inTransaction(async (sql) => {
      await lockAccounts(sql, [walletId]);
      const limits = await this.#open(sql, { viewerId, walletId }, before);
      const cap = capOf(period, limits);
      const next = nextCap(cap, coins, limits.now);
      if (isSame(cap, next)) return undefined;
      return { viewerId, ...(await updateCap(sql, { viewerId, walletId, period }, next)) };
    });
    if (changed) this.deps.announce([changed]);
    return changed ?? this.deps.read(db.pool, viewerId);
  }

  /** The limits of a viewer, made if there are none; a first cap counts what was spent today and this month already. */
  async #open(
    sql: SqlTransaction,
    { viewerId, walletId }: { viewerId: bigint; walletId: bigint },
    before: { head: bigint | null; day: bigint; month: bigint } | undefined,
  ): Promise<Limits> {
    const [limits] = await readLimits(sql, [viewerId]);
    if (limits) return limits;
    const since = await readSpent(sql, walletId, before?.head ?? null);
    await insertLimits(sql, viewerId, {
      day: (before?.day ?? 0n) + since.day,
      month: (before?.month ?? 0n) + since.month,
    });
    return (await readLimits(sql, [viewerId]))[0]!;
  }
}

const PERIODS: readonly CapPeriod[] = ['GIFT', 'DAY', 'MONTH'];

function capOf(period: CapPeriod, limits: Limits): Cap {
  const [coins, raise, at] = {
    GIFT: [limits.giftCap, limits.raiseGift, limits.raiseGiftAt] as const,
    DAY: [limits.dayCap, limits.raiseDay, limits.raiseDayAt] as const,
    MONTH: [limits.monthCap, limits.raiseMonth, limits.raiseMonthAt] as const,
  }[period];
  return { coins, raise: at ? { coins: raise, at } : undefined };
}

function isSame(one: Cap, other: Cap): boolean {
  return (
    one.coins === other.coins &&
    one.raise?.coins === other.raise?.coins &&
    one.raise?.at.getTime() === other.raise?.at.getTime()
  );
}

function toSpendingCap(period: CapPeriod, limits: Limits): SpendingCap | undefined {
  const { coins, raise } = capOf(period, limits);
  if (coins === null) return undefined;
  const [remaining, resetsAt] = {
    GIFT: [coins, limits.now] as const,
    DAY: [limits.dayLeft ?? 0n, limits.dayEnds] as const,
    MONTH: [limits.monthLeft ?? 0n, limits.monthEnds] as const,
  }[period];
  return { period, coins, remaining, resetsAt, nextCoins: raise?.coins ?? null, nextFrom: raise?.at ?? null };
}
