import { z } from 'zod';
import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors, ErrorInterface } from '../../graphql/errors.ts';
import { MoneyType } from '../../graphql/money.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError } from '../../kernel/errors.ts';
import { firstDay, lastDay, type Quarter, YEAR_MAX, YEAR_MIN } from './quarters.ts';
import { QuarterStateError } from './reports.errors.ts';
import type { Report } from './reports.service.ts';
import { GROUP_SIZE_MIN } from './suppression.ts';

/** What an input may say of a quarter. */
export const quarterRules = {
  year: z
    .number()
    .int()
    .min(YEAR_MIN, `There are reports from ${YEAR_MIN} on.`)
    .max(YEAR_MAX, `Must be ${YEAR_MAX} at the most.`),
  quarter: z.number().int().min(1, 'Must be from 1 to 4.').max(4, 'Must be from 1 to 4.'),
};
const region = z
  .string()
  .regex(/^[A-Z]{2}$/, 'Must be a country code of ISO 3166-1 alpha-2, such as AE; ZZ is where nobody knows.')
  .nullish();

/** The quarter of a checked input. */
export function toQuarter({ year, quarter }: { year: number; quarter: number }): Quarter {
  return { year, quarter: quarter as Quarter['quarter'] };
}

const money = (report: Report, of: (sale: Report['row']['sales'][number]) => number) => {
  const { currency } = report.price;
  const sale = report.row.sales.find((candidate) => candidate.currency === currency);
  return { minorUnits: BigInt(sale ? of(sale) : 0), currency };
};

/** What was spent in a quarter. */
export const SpendingReportType = builder.objectRef<Report>('SpendingReport').implement({
  description: `What was given and bought in a quarter, in the world or in a region. A region with fewer than ${GROUP_SIZE_MIN} people is not shown to the public, nor are those that would give it away; an operator sees all.`,
  fields: (t) => ({
    year: t.int({ description: 'The year.', resolve: ({ quarter }) => quarter.year }),
    quarter: t.int({ description: 'The quarter, from 1 to 4.', resolve: ({ quarter }) => quarter.quarter }),
    region: t.string({
      nullable: true,
      description: 'The region, ISO 3166-1 alpha-2; ZZ is where nobody knows. Null for the world.',
      resolve: ({ row }) => row.region || null,
    }),
    from: t.string({
      description: 'Its first day, as 2026-07-01. Days are those of UTC.',
      resolve: ({ quarter }) => firstDay(quarter),
    }),
    to: t.string({ description: 'Its last day.', resolve: ({ quarter }) => lastDay(quarter) }),
    suppressed: t.exposeBoolean('suppressed', {
      description:
        'True: these figures are not for you, and each of them reads 0 whatever it is. So it is for regions with too few people, for others that would give those away, and for every region until the quarter is closed.',
    }),
    giftCoins: t.field({
      type: 'SafeInt',
      description: 'Coins of gifts, less those of gifts that were reversed in the quarter, whenever they were sent.',
      resolve: ({ row }) => row.giftCoins,
    }),
    sentCoins: t.field({
      type: 'SafeInt',
      description: 'Coins of gifts, reversed or not.',
      resolve: ({ row }) => row.sentCoins,
    }),
    reversals: t.field({
      type: 'SafeInt',
      description: 'Gifts that were reversed.',
      resolve: ({ row }) => row.reversals,
    }),
    reversedCoins: t.field({
      type: 'SafeInt',
      description: 'Coins of these.',
      resolve: ({ row }) => row.reversedCoins,
    }),
    giftSpend: t.field({
      type: MoneyType,
      description: 'What giftCoins are worth at coinPrice.',
      resolve: ({ row, price }) => ({ minorUnits: BigInt(row.giftSpendMinor), currency: price.currency }),
    }),
    coinPrice: t.field({
      type: MoneyType,
      description: 'What 1,000 coins are worth: the price in force on the first day; a closed report keeps it.',
      resolve: ({ price }) => ({ minorUnits: BigInt(price.minorPer1000), currency: price.currency }),
    }),
    gifts: t.field({
      type: 'SafeInt',
      description: 'Gifts that were sent, reversed or not.',
      resolve: ({ row }) => row.gifts,
    }),
    gifters: t.field({
      type: 'SafeInt',
      description: 'People who sent any. Somebody who moves counts in each region, and once in the world.',
      resolve: ({ row }) => row.gifters,
    }),
    creators: t.field({
      type: 'SafeInt',
      description: 'Creators who were sent any.',
      resolve: ({ row }) => row.creators,
    }),
    coinsPerGifter: t.float({
      nullable: true,
      description: 'giftCoins for each gifter; null without any.',
      resolve: ({ row }) => (row.gifters > 0 ? row.giftCoins / row.gifters : null),
    }),
    giftCoinsGrowth: t.float({
      nullable: true,
      description:
        'Growth of giftCoins on the quarter before: 0.25 is 25 %. Null without any then, or if that is not for you.',
      resolve: ({ row, seesAll }) => (row.growthShown || seesAll ? row.giftCoinsGrowth : null),
    }),
    giftersGrowth: t.float({
      nullable: true,
      description: 'Growth of gifters, in the same way.',
      resolve: ({ row, seesAll }) => (row.growthShown || seesAll ? row.giftersGrowth : null),
    }),
  }),
});

builder.objectFields(SpendingReportType, (t) => ({
  productSpend: t.field({
    type: MoneyType,
    description:
      'What was paid for products in the currency of coinPrice, less what went back in the quarter. Nothing is converted: see productSpends.',
    resolve: (report) => money(report, (sale) => sale.paidMinor - sale.refundedMinor),
  }),
  productSpends: t.field({
    type: [MoneyType],
    description: 'productSpend in every currency.',
    resolve: ({ row }) =>
      row.sales.map((sale) => {
        return { minorUnits: BigInt(sale.paidMinor - sale.refundedMinor), currency: sale.currency };
      }),
  }),
  orders: t.field({
    type: 'SafeInt',
    description: 'Orders that were paid, in any currency.',
    resolve: ({ row }) => row.orders,
  }),
  buyers: t.field({ type: 'SafeInt', description: 'People who paid for any.', resolve: ({ row }) => row.buyers }),
  closed: t.boolean({
    description: 'Whether the report is final. What is reversed later counts in a later quarter.',
    resolve: ({ closed }) => closed !== undefined,
  }),
  closedAt: t.field({
    type: 'DateTime',
    nullable: true,
    description: 'When it was closed; null until then.',
    resolve: ({ closed }) => closed?.closedAt ?? null,
  }),
  checksum: t.string({
    nullable: true,
    description: 'SHA-256 of the whole report as operators can download it in JSON; null until it is closed.',
    resolve: ({ closed }) => closed?.checksum ?? null,
  }),
}));

const SpendingReportInput = builder.inputType('SpendingReportInput', {
  description: 'Which report.',
  validate: rules.input({ ...quarterRules, region }),
  fields: (t) => ({
    year: t.int({ required: true, description: 'The year.' }),
    quarter: t.int({ required: true, description: 'The quarter, from 1 to 4.' }),
    region: t.string({
      description: 'A country code of ISO 3166-1 alpha-2; ZZ is where nobody knows. The world if left out.',
    }),
  }),
});

builder.queryField('spendingReport', (t) =>
  t.field({
    type: SpendingReportType,
    description:
      'What was given and bought in a quarter. Anybody may ask for the world’s, up to this moment, and for a region’s once the quarter is closed.',
    args: { input: t.arg({ type: SpendingReportInput, required: true, description: 'Which.' }) },
    resolve: (_root, { input }, { services, actor }) => services.reports.report(actor, toQuarter(input), input.region),
  }),
);

// ---- closeQuarter ------------------------------------------------------------------------------------------------------

builder.objectType(QuarterStateError, {
  name: 'QuarterStateError',
  description: 'The quarter is not over, or its report is not what the ledger says; the message names the difference.',
  interfaces: [ErrorInterface],
});

const CloseQuarterInput = builder.inputType('CloseQuarterInput', {
  description: 'Which quarter.',
  validate: rules.input(quarterRules),
  fields: (t) => ({
    year: t.int({ required: true, description: 'The year.' }),
    quarter: t.int({ required: true, description: 'The quarter, from 1 to 4.' }),
  }),
});

const CloseQuarterSuccess = builder.objectRef<{ report: Report; replayed: boolean }>('CloseQuarterSuccess').implement({
  description: 'The quarter is closed.',
  fields: (t) => ({
    report: t.expose('report', { type: SpendingReportType, description: 'The world’s report.' }),
    replayed: t.exposeBoolean('replayed', {
      description: 'True if it was closed already; its report was made again, and has the same bytes.',
    }),
  }),
});

builder.mutationField('closeQuarter', (t) =>
  t.field({
    type: CloseQuarterSuccess,
    description:
      'For operators: makes a quarter’s report anew, compares every day of it with the ledger, and keeps it for good. Safe to repeat; the same bytes come out. May take a minute for millions of gifts.',
    authScopes: { operator: true },
    args: { input: t.arg({ type: CloseQuarterInput, required: true, description: 'Which.' }) },
    errors: {
      types: [...commonErrors, ForbiddenError, QuarterStateError],
      union: { description: 'What `closeQuarter` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.reports.closeQuarter(requireActor(context), toQuarter(input)),
  }),
);
