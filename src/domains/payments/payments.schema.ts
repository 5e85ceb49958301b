import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors, ErrorInterface } from '../../graphql/errors.ts';
import { fromGlobalId, toRowId } from '../../graphql/global-id.ts';
import { MoneyType } from '../../graphql/money.ts';
import { implementNode } from '../../graphql/node.ts';
import { rules } from '../../graphql/rules.ts';
import { IdempotencyConflictError, NotFoundError } from '../../kernel/errors.ts';
import { topics } from '../../live/topics.ts';
import { WalletType } from '../wallet/wallet.schema.ts';
import { CoinPurchaseType } from './coin-disputes.schema.ts';
import { PaymentDeclinedError, PaymentPendingError } from './payments.errors.ts';
import { type CoinPackRow, findCoinPacks } from './payments.repo.ts';
import type { BoughtCoins } from './payments.service.ts';

/** Characters of a payment token. */
export const PAYMENT_TOKEN_LENGTH_MAX = 200;

const CoinPackType = builder.objectRef<CoinPackRow>('CoinPack');
implementNode(CoinPackType, {
  description: 'An amount of coins for sale.',
  loadMany: async (ids, context) => {
    const packs = await findCoinPacks(
      context.services.db.pool,
      ids.flatMap((id) => toRowId(id) ?? []),
    );
    return ids.map((id) => packs.find((pack) => String(pack.id) === id) ?? null);
  },
  fields: (t) => ({
    coins: t.expose('coins', { type: 'SafeInt', public: true, description: 'Coins that you get.' }),
    price: t.field({
      type: MoneyType,
      public: true,
      description: 'What they cost.',
      resolve: (pack) => ({ minorUnits: pack.priceMinor, currency: pack.currency }),
    }),
  }),
});

for (const [error, name, description] of [
  [
    PaymentDeclinedError,
    'PaymentDeclinedError',
    'The provider refused the charge. Nothing was charged; the key is free again.',
  ],
  [
    PaymentPendingError,
    'PaymentPendingError',
    'The provider has not answered yet. The same key tells the outcome later, and never charges twice.',
  ],
] as const) {
  builder.objectType(error, { name, description, interfaces: [ErrorInterface] });
}

builder.queryField('coinPacks', (t) =>
  t.field({
    type: [CoinPackType],
    public: true,
    description: 'Coin packs on sale, smallest first.',
    resolve: (_root, _args, { services, shown }) => {
      shown?.add(topics.catalogue);
      return services.payments.coinPacks();
    },
  }),
);

const BuyCoinsInput = builder.inputType('BuyCoinsInput', {
  description: 'Which coins to buy, and how they are paid.',
  validate: rules.input({ paymentToken: rules.text(PAYMENT_TOKEN_LENGTH_MAX), idempotencyKey: rules.idempotencyKey }),
  fields: (t) => ({
    packId: t.id({ required: true, description: 'Global id of a coin pack.' }),
    paymentToken: t.string({
      required: true,
      description:
        "The provider's token for a payment method. Stripe: the id of a PaymentMethod, or cus_…:pm_… when it belongs to a Customer. Sandbox: tok_ok, tok_declined, tok_timeout, tok_timeout_declined, tok_unreachable.",
    }),
    idempotencyKey: t.string({
      required: true,
      description: 'Your name for this purchase, 1 to 64 characters: repeat the call with it as often as you like.',
    }),
  }),
});

const BuyCoinsSuccess = builder.objectRef<BoughtCoins>('BuyCoinsSuccess').implement({
  description: 'The coins are in the wallet.',
  fields: (t) => ({
    wallet: t.expose('wallet', { type: WalletType, description: 'Your wallet now.' }),
    purchase: t.expose('purchase', { type: CoinPurchaseType, description: 'The purchase.' }),
    replayed: t.exposeBoolean('replayed', {
      description: 'True if an earlier call with this key had bought them already.',
    }),
  }),
});

builder.mutationField('buyCoins', (t) =>
  t.field({
    type: BuyCoinsSuccess,
    description: 'Buys a coin pack with a payment token. Card details never reach this API.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: BuyCoinsInput, required: true, description: 'The purchase.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, IdempotencyConflictError, PaymentDeclinedError, PaymentPendingError],
      union: { description: 'What `buyCoins` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.payments.buyCoins(requireActor(context), {
        packId: fromGlobalId('CoinPack', input.packId, 'coin pack'),
        paymentToken: input.paymentToken,
        idempotencyKey: input.idempotencyKey,
      }),
  }),
);
