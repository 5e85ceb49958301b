import { DomainError } from '../../kernel/errors.ts';

/** Thrown when a merchant's handle belongs to another merchant. */
export class HandleTakenError extends DomainError {
  readonly code = 'HANDLE_TAKEN';
  /** @param handle the handle */
  constructor(readonly handle: string) {
    super(`Another merchant has the handle "${handle}".`);
  }
}

/** Thrown when a sku belongs to another product of the merchant. */
export class SkuTakenError extends DomainError {
  readonly code = 'SKU_TAKEN';
  /** @param sku the first one that is taken */
  constructor(readonly sku: string) {
    super(`Another product of the merchant has the sku "${sku}".`);
  }
}

/** Thrown when stock is set to less than what is set aside for purchases that are being paid. */
export class StockHeldError extends DomainError {
  readonly code = 'STOCK_HELD';
  /** @param held units that are set aside */
  constructor(readonly held: number) {
    super(`${held} of it are set aside for purchases that are being paid. Try again in a minute, or set more.`);
  }
}
