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
export type ProviderDispute = {
  providerId: string;
  state: 'OPEN' | 'WON' | 'LOST';
  reason: string;
  /** The bank only asks, and has taken no money. */
  isInquiry?: true;
};

/**
 * Whoever has things charged, as providers' webhooks reach it. Keys of charges are "<owner>:<id>", such as "checkout:17".
 * Both may be called again and again, in any order, and late.
 */
export type ChargeOwner = {
  /** A charge has ended; `amount` is what the provider says that it charged. */
  settle: (id: bigint, charge: Charge, amount: Money) => Promise<void>;
  dispute: (id: bigint, dispute: ProviderDispute) => Promise<void>;
};

/** The key of a charge: what its owner is called, and which of the owner's things it pays. */
export function chargeKey(owner: string, id: bigint): string {
  return `${owner}:${id}`;
}

/** Takes a key apart; undefined when it is none of {@link chargeKey}'s. */
export function parseChargeKey(key: string): { owner: string; id: bigint } | undefined {
  const match = /^([a-z_]+):(\d{1,19})$/.exec(key);
  return match ? { owner: match[1]!, id: BigInt(match[2]!) } : undefined;
}
