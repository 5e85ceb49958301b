import { formatAmount, type Money } from '../kernel/money.ts';
import { builder } from './builder.ts';

/** Fiat money. Coins and diamonds are plain SafeInt. */
export const MoneyType = builder.objectRef<Money>('Money').implement({
  description: 'An amount of fiat money.',
  fields: (t) => ({
    amount: t.string({ public: true, description: 'As people write it: "9.99".', resolve: formatAmount }),
    minorUnits: t.expose('minorUnits', {
      type: 'SafeInt',
      public: true,
      description: 'In the smallest unit of the currency: 999.',
    }),
    currency: t.exposeString('currency', { public: true, description: 'ISO 4217 code: "USD".' }),
  }),
});
