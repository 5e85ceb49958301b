import { stringify } from 'csv-stringify/sync';
import type { ReportDocument, ReportRow } from '../document.ts';

const COLUMNS = [
  'kind',
  'key',
  'name',
  'gifts',
  'gift_coins',
  'sent_coins',
  'reversals',
  'reversed_coins',
  'gifters',
  'creators',
  'gift_coins_growth',
  'gifters_growth',
  'gift_spend_minor',
  'orders',
  'buyers',
  'paid_minor',
  'refunds',
  'refunded_minor',
  'currency',
] as const;

type Line = { kind: string; key: string; name?: string } & Partial<
  Record<(typeof COLUMNS)[number], string | number | null>
>;

/**
 * A report as CSV: one table, in which `kind` says what a line is about: world, region, sales (of a region, in a currency), day or creator.
 * What people have written cannot begin a formula in a spreadsheet; amounts of money are in minor units.
 */
export function toCsv(document: ReportDocument): string {
  const { world, regions, days, topCreators, coinPrice } = document;
  const rows = [world, ...regions];
  const lines: Line[] = [
    ...rows.map((row) => regionLine(row, coinPrice.currency)),
    ...rows.flatMap(({ region, sales }) =>
      sales.map((sale) => ({
        kind: 'sales',
        key: region || 'world',
        orders: sale.orders,
        paid_minor: sale.paidMinor,
        refunds: sale.refunds,
        refunded_minor: sale.refundedMinor,
        currency: sale.currency,
      })),
    ),
    ...days.map(({ day, gifts, giftCoins, reversedCoins }) => {
      return { kind: 'day', key: day, gifts, gift_coins: giftCoins, reversed_coins: reversedCoins };
    }),
    ...topCreators.map(({ handle, displayName, giftCoins }) => {
      return { kind: 'creator', key: handle, name: displayName, gift_coins: giftCoins };
    }),
  ];
  return stringify(lines, {
    header: true,
    columns: [...COLUMNS],
    record_delimiter: 'windows',
    bom: true,
    escape_formulas: true,
  });
}

function regionLine(row: ReportRow, currency: string): Line {
  return {
    kind: row.region === '' ? 'world' : 'region',
    key: row.region || 'world',
    gifts: row.gifts,
    gift_coins: row.giftCoins,
    sent_coins: row.sentCoins,
    reversals: row.reversals,
    reversed_coins: row.reversedCoins,
    gifters: row.gifters,
    creators: row.creators,
    gift_coins_growth: row.giftCoinsGrowth,
    gifters_growth: row.giftersGrowth,
    gift_spend_minor: row.giftSpendMinor,
    orders: row.orders,
    buyers: row.buyers,
    currency,
  };
}
