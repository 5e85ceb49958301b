import { DomainError } from '../../kernel/errors.ts';

/** The states of a voucher. */
export type VoucherState = 'ISSUED' | 'VERIFIED' | 'CANCELLED';

/** Thrown when a voucher's state does not allow what is asked. Nothing was changed. */
export class VoucherStateError extends DomainError {
  readonly code = 'VOUCHER_STATE';
  /** @param state where the voucher is */
  constructor(
    readonly state: VoucherState,
    message: string,
  ) {
    super(message);
  }
}
