import { parsePayoutKey } from './provider.ts';
import type { StripePayouts } from './stripe.ts';

/** Whoever hears what became of payouts; bears being told again and again, in any order, and late. */
export type PayoutHearer = {
  settle: (id: bigint, outcome: { status: 'PAID'; providerId: string }) => Promise<void>;
  takeBack: (id: bigint) => Promise<void>;
};

/**
 * What Stripe's events of transfers do, by their types. An event only says where to look: the transfer is read from Stripe, as it is by
 * then.
 */
export function stripePayoutEvents(
  stripe: StripePayouts,
  payouts: PayoutHearer,
): [type: string, hear: (subjectId: string) => Promise<void>][] {
  const hear = async (transferId: string): Promise<void> => {
    const found = await stripe.findTransfer(transferId);
    const id = found && parsePayoutKey(found.key);
    if (!found || id === undefined) return; // Of somebody else on the same account.
    const { outcome } = found;
    if (outcome.status === 'PAID') return payouts.settle(id, outcome);
    // It was made, or there would be no transfer: what was heard late is paid first.
    await payouts.settle(id, { status: 'PAID', providerId: transferId });
    await payouts.takeBack(id);
  };
  return [
    ['transfer.created', hear],
    ['transfer.updated', hear],
    ['transfer.reversed', hear],
  ];
}
