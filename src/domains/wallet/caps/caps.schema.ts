import { z } from 'zod';
import { builder } from '../../../graphql/builder.ts';
import { requireActor } from '../../../graphql/context.ts';
import { commonErrors, ErrorInterface } from '../../../graphql/errors.ts';
import { rules } from '../../../graphql/rules.ts';
import { SpendingCapReachedError } from '../wallet.errors.ts';
import type { WalletState } from '../wallet.repo.ts';
import { WalletType } from '../wallet.schema.ts';
import { COOL_OFF_MS } from './caps.rules.ts';
import type { SpendingCap } from './caps.ts';

const COOL_OFF_HOURS = COOL_OFF_MS / 3_600_000;

const CapPeriodEnum = builder.enumType('CapPeriod', {
  description: 'What a spending cap is about.',
  values: {
    GIFT: {
      description: 'A single gift: what its quantity costs together. Also what goes into a treasure box at once.',
    },
    DAY: { description: 'All that is spent on a day of UTC.' },
    MONTH: { description: 'All that is spent in a month of UTC.' },
  } as const,
});

const SpendingCapType = builder.objectRef<SpendingCap>('SpendingCap').implement({
  description: 'How much you allow yourself to spend on gifts and treasure boxes.',
  fields: (t) => ({
    period: t.expose('period', { type: CapPeriodEnum, description: 'In which time.' }),
    coins: t.expose('coins', { type: 'SafeInt', description: 'The cap that holds now.' }),
    remaining: t.expose('remaining', {
      type: 'SafeInt',
      description: 'What you may still spend under it. The smallest `remaining` of all caps is what a gift may cost.',
    }),
    resetsAt: t.expose('resetsAt', {
      type: 'DateTime',
      description:
        'When `remaining` begins anew: at midnight of UTC, on the first of the next month, or, for a single gift, now.',
    }),
    nextCoins: t.expose('nextCoins', {
      type: 'SafeInt',
      nullable: true,
      description: 'The cap from `nextFrom` on, when a raise waits; null is no cap.',
    }),
    nextFrom: t.expose('nextFrom', {
      type: 'DateTime',
      nullable: true,
      description: 'When the raise comes that you have asked for; null when none waits.',
    }),
  }),
});

builder.objectType(SpendingCapReachedError, {
  name: 'SpendingCapReachedError',
  description: 'It would pass a cap that you have set yourself. Nothing was spent.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    period: t.expose('period', { type: CapPeriodEnum, description: 'Which cap.' }),
    remaining: t.expose('remaining', { type: 'SafeInt', description: 'Coins that you may still spend under it.' }),
    resetsAt: t.expose('resetsAt', {
      type: 'DateTime',
      description: 'When that begins anew; for a single gift, now: send a smaller one.',
    }),
  }),
});

builder.objectField(WalletType, 'spendingCaps', (t) =>
  t.field({
    type: [SpendingCapType],
    description: 'The caps that you have set, one for each period at the most; none without `setSpendingCap`.',
    resolve: ({ viewerId }, _args, { services }) => services.wallets.caps.of(viewerId),
  }),
);

const SetSpendingCapInput = builder.inputType('SetSpendingCapInput', {
  description: 'How much you allow yourself to spend.',
  validate: rules.input({ coins: z.number().int().min(0, 'Must not be negative.').nullish() }),
  fields: (t) => ({
    period: t.field({ type: CapPeriodEnum, required: true, description: 'In which time.' }),
    coins: t.field({ type: 'SafeInt', description: 'The cap, 0 or more; null or nothing for no cap.' }),
  }),
});

const SetSpendingCapSuccess = builder.objectRef<{ wallet: WalletState }>('SetSpendingCapSuccess').implement({
  description: 'The cap holds, or will when its cool-off is over: see `nextFrom`.',
  fields: (t) => ({ wallet: t.expose('wallet', { type: WalletType, description: 'Your wallet now.' }) }),
});

builder.mutationField('setSpendingCap', (t) =>
  t.field({
    type: SetSpendingCapSuccess,
    description:
      `Sets a cap on what you spend. A lower one, or a first one, holds at once, and counts what you have spent today and this month already. A higher one, or none, holds ${COOL_OFF_HOURS} hours later; a lower one, or the same as now, calls it off. ` +
      'Again changes nothing; another raise begins to wait anew.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: SetSpendingCapInput, required: true, description: 'The cap.' }) },
    errors: { types: [...commonErrors], union: { description: 'What `setSpendingCap` returns.' } },
    resolve: async (_root, { input }, context) => {
      const coins = input.coins == null ? null : BigInt(input.coins);
      return { wallet: await context.services.wallets.caps.set(requireActor(context).id, input.period, coins) };
    },
  }),
);
