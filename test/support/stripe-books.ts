/** The books of the Stripe stub: intents, refunds, disputes, transfers and accounts, and the rules by which they change. */

/** Payment methods, by what they do. */
export const pm = {
  ok: 'pm_ok',
  declined: 'pm_declined',
  /** The bank asks for the buyer, as it does off session: an error, and the intent needs another method. */
  authenticate: 'pm_authenticate',
  /** The same, as Stripe says it to those who are on session. */
  action: 'pm_action',
  /** The money comes later, or does not. */
  processing: 'pm_processing',
  /** Removed since. */
  missing: 'pm_missing',
  /** Belongs to the customer cus_1. */
  owned: 'pm_owned',
} as const;

/** A PaymentIntent, in Stripe's words. */
export type StubIntent = {
  id: string;
  object: 'payment_intent';
  amount: number;
  amount_received: number;
  currency: string;
  status: string;
  payment_method: string | null;
  customer: string | null;
  metadata: Record<string, string>;
  cancellation_reason: string | null;
  last_payment_error: { type: string; code: string } | null;
};
export type StubRefund = {
  id: string;
  object: 'refund';
  amount: number;
  payment_intent: string;
  status: string;
  metadata: object;
};
/** A Transfer to a connected account, in Stripe's words. */
export type StubTransfer = {
  id: string;
  object: 'transfer';
  amount: number;
  amount_reversed: number;
  reversed: boolean;
  currency: string;
  destination: string;
  transfer_group: string | null;
  metadata: Record<string, string>;
};
/** A connected account, as far as this project looks at it. */
export type StubAccount = {
  id: string;
  object: 'account';
  payouts_enabled: boolean;
  capabilities: { transfers?: 'active' | 'inactive' | 'pending' };
  requirements: { disabled_reason: string | null };
  metadata: Record<string, string>;
};
/** A dispute, in Stripe’s words. */
export type StubDispute = { id: string; object: 'dispute'; payment_intent: string; status: string; reason: string };

/** Stripe says no. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly error: { type: string; code?: string; param?: string; message?: string; payment_intent?: object },
  ) {
    super(error.code);
  }
}

/** A request that is wrong. */
export const invalid = (code: string, param?: string) =>
  new Refusal(400, { type: 'invalid_request_error', code, ...(param ? { param } : {}), message: `stub: ${code}` });
/** A request about what there is not. */
export const missing = (param: string) =>
  new Refusal(404, { type: 'invalid_request_error', code: 'resource_missing', param });

/** The smallest amount that Stripe charges. */
const AMOUNT_MIN = 50;
/** Stripe's books, and the rules by which they change. */
export class Books {
  readonly intents = new Map<string, StubIntent>();
  readonly refunds: StubRefund[] = [];
  readonly disputes = new Map<string, StubDispute>();
  readonly transfers: StubTransfer[] = [];
  readonly accounts = new Map<string, StubAccount>();
  /** What the platform has there to be transferred, in the smallest unit. */
  balance = 10_000_000;

  create(params: Record<string, string>): StubIntent {
    const amount = Number(params.amount);
    if (!Number.isInteger(amount)) throw invalid('parameter_invalid_integer', 'amount');
    if (amount < AMOUNT_MIN) throw invalid('amount_too_small', 'amount');
    if (params.confirm === 'true') throw new Error('the adapter never confirms what it has not written down');
    if (params.payment_method === pm.missing) throw missing('payment_method');
    if (params.payment_method === pm.owned && params.customer !== 'cus_1')
      throw invalid('parameter_missing', 'customer');
    const intent: StubIntent = {
      id: `pi_${this.intents.size + 1}`,
      object: 'payment_intent',
      amount,
      amount_received: 0,
      currency: params.currency!,
      status: params.payment_method ? 'requires_confirmation' : 'requires_payment_method',
      payment_method: params.payment_method ?? null,
      customer: params.customer ?? null,
      metadata: metadataOf(params),
      cancellation_reason: null,
      last_payment_error: null,
    };
    this.intents.set(intent.id, intent);
    return intent;
  }

  confirm(id: string): StubIntent {
    const intent = this.intent(id);
    if (intent.status !== 'requires_confirmation') throw this.#unexpected(intent);
    if (intent.payment_method === pm.declined) throw this.#decline(intent, 'card_declined');
    if (intent.payment_method === pm.authenticate) throw this.#decline(intent, 'authentication_required');
    if (intent.payment_method === pm.action) intent.status = 'requires_action';
    else if (intent.payment_method === pm.processing) intent.status = 'processing';
    else this.succeed(id);
    return intent;
  }

  succeed(id: string): void {
    const intent = this.intent(id);
    intent.status = 'succeeded';
    intent.amount_received = intent.amount;
  }

  cancel(id: string, reason: string | undefined): StubIntent {
    const intent = this.intent(id);
    if (!['requires_payment_method', 'requires_confirmation', 'requires_action'].includes(intent.status)) {
      throw this.#unexpected(intent);
    }
    intent.status = 'canceled';
    intent.cancellation_reason = reason ?? null;
    return intent;
  }

  refund(params: Record<string, string>): StubRefund {
    const intent = this.intent(params.payment_intent!);
    const amount = Number(params.amount);
    const refunded = this.refundsOf(intent.id).reduce((sum, refund) => sum + refund.amount, 0);
    if (intent.status !== 'succeeded') throw this.#unexpected(intent);
    if (refunded + amount > intent.amount_received) throw invalid('charge_already_refunded');
    const id = `re_${this.refunds.length + 1}`;
    const refund = { id, object: 'refund' as const, amount, payment_intent: intent.id, status: 'succeeded' };
    this.refunds.unshift({ ...refund, metadata: metadataOf(params) });
    return this.refunds[0]!;
  }

  transfer(params: Record<string, string>): StubTransfer {
    const amount = Number(params.amount);
    const account = this.accounts.get(params.destination!);
    if (!account) throw missing('destination');
    if (account.capabilities.transfers !== 'active') throw invalid('insufficient_capabilities_for_transfer');
    if (amount > this.balance) throw invalid('balance_insufficient');
    this.balance -= amount;
    const transfer: StubTransfer = {
      id: `tr_${this.transfers.length + 1}`,
      object: 'transfer',
      amount,
      amount_reversed: 0,
      reversed: false,
      currency: params.currency!,
      destination: account.id,
      transfer_group: params.transfer_group ?? null,
      metadata: metadataOf(params),
    };
    this.transfers.unshift(transfer);
    return transfer;
  }

  /** Somebody takes a transfer back, or a part of it. */
  reverse(id: string, amount?: number): StubTransfer {
    const transfer = this.transferOf(id);
    transfer.amount_reversed = amount ?? transfer.amount;
    transfer.reversed = transfer.amount_reversed === transfer.amount;
    return transfer;
  }

  transferOf(id: string): StubTransfer {
    const transfer = this.transfers.find((candidate) => candidate.id === id);
    if (!transfer) throw missing('transfer');
    return transfer;
  }

  /** Opens a connected account that is ready to be paid. */
  open(id: string, fields: Partial<Omit<StubAccount, 'id'>> = {}): StubAccount {
    const account: StubAccount = {
      id,
      object: 'account',
      payouts_enabled: true,
      capabilities: { transfers: 'active' },
      requirements: { disabled_reason: null },
      metadata: {},
      ...fields,
    };
    this.accounts.set(id, account);
    return account;
  }

  refundsOf(intentId: string | null): StubRefund[] {
    return this.refunds.filter((refund) => refund.payment_intent === intentId);
  }

  intent(id: string): StubIntent {
    const intent = this.intents.get(id);
    if (!intent) throw missing('intent');
    return intent;
  }

  #decline(intent: StubIntent, code: string): Refusal {
    intent.status = 'requires_payment_method';
    intent.last_payment_error = { type: 'card_error', code };
    return new Refusal(402, {
      type: 'card_error',
      code,
      message: `${intent.payment_method}: ${code}`,
      payment_intent: intent,
    });
  }

  #unexpected(intent: StubIntent): Refusal {
    const code = 'payment_intent_unexpected_state';
    return new Refusal(400, { type: 'invalid_request_error', code, payment_intent: intent });
  }
}

/** What a request says in `metadata[…]`. */
export function metadataOf(params: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(params).flatMap(([name, value]) => {
      const match = /^metadata\[(\w+)\]$/.exec(name);
      return match ? [[match[1], value]] : [];
    }),
  );
}
