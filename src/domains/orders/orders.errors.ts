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
