import { createHash } from 'node:crypto';
import { firstDay, lastDay, nameOf, type Quarter } from './quarters.ts';
import type { CoinPrice, Day, Figures, TopCreator } from './reports.repo.ts';
import { shownRegions } from './suppression.ts';

/** Says which rules a document follows: another shape is another number. */
const FORMAT = 'hadiya/spending-report/1';
/** Growth is told to four decimals: 0.1234 is 12.34 %. */
const GROWTH_SCALE = 10_000;

/** A line of a report. Amounts are whole numbers; money is in minor units. */
export type ReportRow = {
  /** ISO 3166-1 alpha-2; ZZ where nobody knows; empty for the world. */
  region: string;
  /** Whether the public may see it, and its growth. */
  shown: boolean;
  growthShown: boolean;
  gifts: number;
  /** Coins of gifts, less those of gifts that were reversed in the quarter. */
  giftCoins: number;
  giftSpendMinor: number;
  sentCoins: number;
  reversals: number;
  reversedCoins: number;
  gifters: number;
  creators: number;
  /** On the quarter before; null where there was nothing. */
  giftCoinsGrowth: number | null;
  giftersGrowth: number | null;
  orders: number;
  buyers: number;
  /** By currency: paid, and given back in the quarter. */
  sales: { currency: string; orders: number; paidMinor: number; refunds: number; refundedMinor: number }[];
};

/** A whole report, in the order that its bytes have. */
export type ReportDocument = {
  format: string;
  name: string;
  from: string;
  to: string;
  coinPrice: { currency: string; minorPer1000: number };
  /** Regions with fewer people are not for the public. */
  groupSizeMin: number;
  world: ReportRow;
  regions: ReportRow[];
  days: { day: string; gifts: number; giftCoins: number; reversedCoins: number }[];
  topCreators: { id: string; handle: string; displayName: string; giftCoins: number }[];
};

/** What reports of two quarters are made of. */
export type Facts = { figures: readonly Figures[]; before: readonly Figures[]; price: CoinPrice; groupSizeMin: number };

/** The lines of a report: the world first. */
export function toRows({ figures, before, price, groupSizeMin }: Facts): ReportRow[] {
  const isWorld = ({ region }: Figures) => region === '';
  const shown = shownRegions(
    figures.filter((row) => !isWorld(row)),
    groupSizeMin,
  );
  const shownBefore = shownRegions(
    before.filter((row) => !isWorld(row)),
    groupSizeMin,
  );
  const rowsBefore = new Map(before.map((row) => [row.region, row]));
  return figures.map((row) => {
    const last = rowsBefore.get(row.region);
    const giftCoins = row.coins - row.reversedCoins;
    return {
      region: row.region,
      shown: isWorld(row) || shown.has(row.region),
      // Growth tells what the quarter before was.
      growthShown: isWorld(row) || (shown.has(row.region) && shownBefore.has(row.region)),
      gifts: toNumber(row.gifts),
      giftCoins: toNumber(giftCoins),
      giftSpendMinor: toNumber(worth(giftCoins, price)),
      sentCoins: toNumber(row.coins),
      reversals: toNumber(row.reversals),
      reversedCoins: toNumber(row.reversedCoins),
      gifters: toNumber(row.gifters),
      creators: toNumber(row.creators),
      giftCoinsGrowth: growth(giftCoins, last && last.coins - last.reversedCoins),
      giftersGrowth: growth(row.gifters, last?.gifters),
      orders: toNumber(row.sales.reduce((sum, { orders }) => sum + orders, 0n)),
      buyers: toNumber(row.buyers),
      sales: row.sales.map(({ currency, orders, paid, refunds, refunded }) => ({
        currency,
        orders: toNumber(orders),
        paidMinor: toNumber(paid),
        refunds: toNumber(refunds),
        refundedMinor: toNumber(refunded),
      })),
    };
  });
}

/** Puts a whole report together. */
export function toDocument(
  quarter: Quarter,
  facts: Facts & { days: readonly Day[]; topCreators: readonly TopCreator[] },
): ReportDocument {
  const [world, ...regions] = toRows(facts);
  return {
    format: FORMAT,
    name: nameOf(quarter),
    from: firstDay(quarter),
    to: lastDay(quarter),
    coinPrice: { currency: facts.price.currency, minorPer1000: toNumber(facts.price.minorPer1000) },
    groupSizeMin: facts.groupSizeMin,
    world: world!,
    regions,
    days: facts.days.map(({ day, gifts, coins, reversedCoins }) => ({
      day,
      gifts: toNumber(gifts),
      giftCoins: toNumber(coins - reversedCoins),
      reversedCoins: toNumber(reversedCoins),
    })),
    topCreators: facts.topCreators.map(({ creatorId, handle, displayName, coins }) => {
      return { id: String(creatorId), handle, displayName, giftCoins: toNumber(coins) };
    }),
  };
}

/** The bytes of a report: the same report has the same ones, as its members always come in the same order. */
export function serialize(document: ReportDocument): string {
  return `${JSON.stringify(document, null, 1)}\n`;
}

/** SHA-256 of a document's bytes, in hexadecimal digits. */
export function checksumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** What coins are worth, rounded to the nearest minor unit, halves away from zero. */
export function worth(coins: bigint, { minorPer1000 }: CoinPrice): bigint {
  const thousandths = coins * minorPer1000;
  return (thousandths + (thousandths < 0n ? -500n : 500n)) / 1_000n;
}

/** How much more it is than before, as a share of it; null when there was nothing to grow from. */
export function growth(now: bigint, before: bigint | undefined): number | null {
  if (before === undefined || before <= 0n) return null;
  return toNumber(((now - before) * BigInt(GROWTH_SCALE)) / before) / GROWTH_SCALE;
}

/** An amount for JSON. The ledger keeps every balance below 2^53, so that sums of one quarter stay exact, too. */
function toNumber(amount: bigint): number {
  const number = Number(amount);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${amount} cannot be told exactly`);
  return number;
}
