import { DomainError } from '../../kernel/errors.ts';

/** Thrown when a wallet does not hold enough coins. Nothing is written. */
export class InsufficientCoinsError extends DomainError {
  readonly code = 'INSUFFICIENT_COINS';
  readonly required: bigint;
  readonly available: bigint;
  /** @param amounts coins that were needed, and that were there */
  constructor({ required, available }: { required: bigint; available: bigint }) {
    super(`This costs ${required} coins and your wallet holds ${available}.`);
    this.required = required;
    this.available = available;
  }
}

/** What a spending cap is about: one gift (or box), a day or a month of UTC. */
export type CapPeriod = 'GIFT' | 'DAY' | 'MONTH';

const CAP_NAMES: Record<CapPeriod, string> = { GIFT: 'a single gift', DAY: 'a day', MONTH: 'a month' };

/** Thrown when spending would pass a cap that the viewer has set. Nothing is written. */
export class SpendingCapReachedError extends DomainError {
  readonly code = 'SPENDING_CAP_REACHED';
  readonly period: CapPeriod;
  readonly remaining: bigint;
  readonly resetsAt: Date;
  /** @param cap the cap that is in the way, what may still be spent under it, and when that begins anew; of a single gift, now */
  constructor({ period, remaining, resetsAt }: { period: CapPeriod; remaining: bigint; resetsAt: Date }) {
    super(`This would pass your cap on ${CAP_NAMES[period]}. Coins left under it: ${remaining}.`);
    this.period = period;
    this.remaining = remaining;
    this.resetsAt = resetsAt;
  }
}
