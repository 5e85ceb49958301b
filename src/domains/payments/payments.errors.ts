import { DomainError } from '../../kernel/errors.ts';

/** Thrown when the provider refuses to charge the payment method. Nothing is charged and the key is free again. */
export class PaymentDeclinedError extends DomainError {
  readonly code = 'PAYMENT_DECLINED';
  constructor() {
    super('The payment was declined. You have not been charged; try another payment method.');
  }
}

/** Thrown when the provider has not answered in time. The purchase is finished in the background; the same key tells how it ended. */
export class PaymentPendingError extends DomainError {
  readonly code = 'PAYMENT_PENDING';
  constructor() {
    super(
      'The payment provider has not answered yet. Send the same key again in a moment: you will not be charged twice.',
    );
  }
}
