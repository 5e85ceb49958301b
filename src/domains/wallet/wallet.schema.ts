import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import type { Earnings } from './wallet.api.ts';
import { InsufficientCoinsError } from './wallet.errors.ts';

/** A viewer's wallet. */
export const WalletType = builder.objectRef<{ viewerId: bigint; coins: number | bigint }>('Wallet').implement({
  description: "A viewer's coins. Only the viewer sees it.",
  fields: (t) => ({
    coins: t.expose('coins', { type: 'SafeInt', description: 'Coins to spend.' }),
    debt: t.field({
      type: 'SafeInt',
      description:
        'Coins that your bank took the money back for and that you had spent for good. The next coins that you buy, or get back, pay it first.',
      resolve: ({ viewerId }, _args, { services }) => services.wallets.debtOf(viewerId),
    }),
  }),
});

/** A creator's diamonds. */
export const CreatorEarningsType = builder.objectRef<Earnings>('CreatorEarnings').implement({
  description: "A creator's diamonds. Only the creator sees them.",
  fields: (t) => ({
    pendingDiamonds: t.expose('pending', {
      type: 'SafeInt',
      description: 'Earned, and waiting for the settlement hold to end.',
    }),
    availableDiamonds: t.expose('available', { type: 'SafeInt', description: 'Ready to be paid out.' }),
    lifetimeDiamonds: t.expose('lifetime', { type: 'SafeInt', description: 'Earned in all time.' }),
  }),
});

builder.objectType(InsufficientCoinsError, {
  name: 'InsufficientCoinsError',
  description: 'The wallet does not hold enough coins. Nothing was spent.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    required: t.expose('required', { type: 'SafeInt', description: 'Coins that were needed.' }),
    available: t.expose('available', { type: 'SafeInt', description: 'Coins that were there.' }),
  }),
});

builder.subscriptionField('walletUpdates', (t) =>
  t.field({
    type: WalletType,
    description: 'Your wallet: its state now, and again after every change. A slow reader gets the newest state only.',
    authScopes: { signedIn: true },
    subscribe: (_root, _args, context) => context.services.wallets.watch(requireActor(context).id),
    resolve: (wallet, _args, context) => ({ viewerId: requireActor(context).id, coins: wallet.coins }),
  }),
);
