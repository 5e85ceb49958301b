import { DomainError } from '../../kernel/errors.ts';
import type { Money } from '../../kernel/money.ts';
import type { OrderState } from './orders.state.ts';

/** Thrown when less is left than is wanted. Nothing was charged. */
export class SoldOutError extends DomainError {
  readonly code = 'SOLD_OUT';
  /** @param remaining units that can still be had */
  constructor(readonly remaining: number) {
    super(
      remaining === 0
        ? 'This is sold out. You have not been charged.'
        : `Only ${remaining} left. You have not been charged.`,
    );
  }
}

/** Thrown when the price is not the one that the buyer has seen. Nothing was charged. */
export class PriceChangedError extends DomainError {
  readonly code = 'PRICE_CHANGED';
  /** @param currentUnitPrice what one costs now */
  constructor(readonly currentUnitPrice: Money) {
    super('The price has changed. You have not been charged; look at the new price first.');
  }
}

/** Thrown when nobody with stock delivers to the address. */
export class NotDeliverableError extends DomainError {
  readonly code = 'NOT_DELIVERABLE';
  constructor() {
    super('This cannot be delivered to the address. You have not been charged.');
  }
}

/** Thrown when an order's state does not allow what is asked. Nothing was changed. */
export class OrderStateError extends DomainError {
  readonly code = 'ORDER_STATE';
  /** @param state where the order is */
  constructor(
    readonly state: OrderState,
    message = `The order is ${state}: that cannot be done now.`,
  ) {
    super(message);
  }
}

/** Thrown when an offer is over. Nothing was charged. */
export class OfferEndedError extends DomainError {
  readonly code = 'OFFER_ENDED';
  constructor() {
    super('The offer is over. You have not been charged.');
  }
}

/** Thrown when a buyer would get more of an offer than one may have. Nothing was charged. */
export class PerBuyerLimitError extends DomainError {
  readonly code = 'PER_BUYER_LIMIT';
  /** @param limit units that one buyer may have, earlier purchases included */
  constructor(readonly limit: number) {
    super(`One buyer may have ${limit} of this offer. You have not been charged.`);
  }
}

/** Thrown when an offer is for followers or gifters, and the buyer is none. Nothing was charged. */
export class NotEligibleError extends DomainError {
  readonly code = 'NOT_ELIGIBLE';
  constructor(eligibility: 'FOLLOWERS' | 'GIFTERS' | 'EVERYONE') {
    super(
      eligibility === 'GIFTERS'
        ? 'This offer is for those who have sent a gift in this stream.'
        : 'This offer is for those who follow the creator.',
    );
  }
}
