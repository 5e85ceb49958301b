import type { Money } from '../../kernel/money.ts';
import type { Charge } from './providers/provider.ts';

export {
  type Charge,
  type ChargeRequest,
  type PaymentProvider,
  ProviderUnavailableError,
  type RefundRequest,
} from './providers/provider.ts';

/** What a provider says of a payment that the buyer contests with their bank. */
export type ProviderDispute = { providerId: string; state: 'OPEN' | 'WON' | 'LOST'; reason: string };

/**
 * Whoever has things charged, as providers' webhooks reach it. Keys of charges are "<owner>:<id>", such as "checkout:17".
 * Both may be called again and again, in any order, and late.
 */
export type ChargeOwner = {
  /** A charge has ended; `amount` is what the provider says that it charged. */
  settle: (id: bigint, charge: Charge, amount: Money) => Promise<void>;
  dispute: (id: bigint, dispute: ProviderDispute) => Promise<void>;
};
