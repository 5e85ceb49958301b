import type { Logger } from 'pino';
import type Stripe from 'stripe';
import { type Database, readDeployment } from '../../../db/database.ts';
import { assert } from '../../../kernel/assert.ts';
import { InFlight } from '../../../kernel/in-flight.ts';
import { ProviderUnavailableError } from '../../payments/payments.api.ts';
import {
  isKeyConflict,
  isStoredFailure,
  KEY_METADATA,
  StripeClient,
  type StripeClientOptions,
  StripeRefusal,
  toStripeAmount,
} from '../../payments/stripe.api.ts';
import {
  type AccountStanding,
  creatorKey,
  type PayoutOutcome,
  type PayoutProvider,
  type PayoutRequest,
} from './provider.ts';

/** Stripe stores failures of its own under an idempotency key, too. So many keys are tried, one after the other. */
const KEYS_PER_PAYOUT_MAX = 3;
/** Transfers of one group that are looked through: there is one. */
const TRANSFERS_PER_GROUP_MAX = 10;
/** What Stripe says when our own balance there does not cover a transfer. */
const OUR_BALANCE = 'balance_insufficient';

/**
 * Stripe Connect: payouts are transfers from the platform's balance to the connected account that is a creator's. A token is the
 * account's id ("acct_…").
 *
 * A transfer moves the money at once and cannot be made in two steps, as a charge can. It carries our key as its group, which is
 * looked for before each attempt, and as its idempotency key: the latter keeps requests of the same moment apart, the former holds
 * when Stripe has forgotten the key, after a day. Both have the deployment in them. What Stripe refuses for a reason of ours, like an
 * empty balance, is no failure of the payout: it is tried again until somebody has seen to it.
 */
export class StripePayouts implements PayoutProvider {
  readonly #client: StripeClient;
  readonly #inFlight = new InFlight<PayoutRequest, PayoutOutcome>(isSame);
  #namespace: Promise<string> | undefined;

  constructor(
    private readonly deps: { db: Pick<Database, 'pool'>; log: Logger },
    secretKey: string,
    options: StripeClientOptions = {},
  ) {
    this.#client = new StripeClient(secretKey, deps.log, options);
  }

  async pay(request: PayoutRequest): Promise<PayoutOutcome> {
    return (await this.#inFlight.run(request.idempotencyKey, request, () => this.#pay(request))).outcome;
  }

  async check(accountToken: string, creatorId: bigint): Promise<AccountStanding> {
    if (!isAccount(accountToken)) return 'REJECTED';
    let account: Stripe.Account;
    try {
      account = await this.#client.call((stripe) => stripe.accounts.retrieve(accountToken));
    } catch (error) {
      if (error instanceof StripeRefusal) return 'REJECTED';
      throw error;
    }
    if (account.requirements?.disabled_reason?.startsWith('rejected')) return 'REJECTED';
    // Whoever opens accounts for creators writes down whose they are: otherwise anybody's account would do.
    const owner = account.metadata?.[KEY_METADATA];
    if (owner !== undefined && owner !== creatorKey(creatorId)) return 'REJECTED';
    const isReady = account.capabilities?.transfers === 'active' && account.payouts_enabled;
    return isReady && owner !== undefined ? 'VERIFIED' : 'PENDING';
  }

  /** The key of the payout that a transfer is, and how that stands at Stripe now; undefined when it is none of ours. */
  async findTransfer(transferId: string): Promise<{ key: string; outcome: PayoutOutcome } | undefined> {
    const transfer = await this.#client.call((stripe) => stripe.transfers.retrieve(transferId));
    const key = transfer.metadata[KEY_METADATA];
    if (key === undefined || transfer.transfer_group !== (await this.#scoped(key))) return undefined;
    return { key, outcome: this.#outcomeOf(transfer) };
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #pay(request: PayoutRequest): Promise<PayoutOutcome> {
    const { idempotencyKey: key, accountToken: destination, amount } = request;
    const stripeAmount = toStripeAmount(amount);
    if (!isAccount(destination) || stripeAmount === undefined) return { status: 'FAILED' };
    const currency = amount.currency.toLowerCase();
    const group = await this.#scoped(key);
    const params = {
      amount: stripeAmount,
      currency,
      destination,
      transfer_group: group,
      metadata: { [KEY_METADATA]: key },
    };
    for (let attempt = 1; attempt <= KEYS_PER_PAYOUT_MAX; attempt++) {
      const known = await this.#find(group);
      if (known) return this.#outcomeOf(known, params);
      const idempotencyKey = attempt === 1 ? group : `${group}#${attempt}`;
      try {
        const made = await this.#client.call((stripe) => stripe.transfers.create(params, { idempotencyKey }));
        return this.#outcomeOf(made, params);
      } catch (error) {
        if (isStoredFailure(error)) continue; // Whether it was made nevertheless is seen by its group.
        return this.#refused(error, key);
      }
    }
    throw new ProviderUnavailableError('Stripe keeps failing at this payout');
  }

  /** @throws {ProviderUnavailableError} when that is not the end of the payout */
  #refused(error: unknown, key: string): PayoutOutcome {
    if (!(error instanceof StripeRefusal)) throw error;
    const isOurs = error.code === OUR_BALANCE;
    this.deps.log[isOurs ? 'error' : 'warn']({ err: error, key }, 'Stripe refused a payout');
    // Another request with this key is on its way, or was made with other parameters: the group tells, later.
    if (isOurs || isKeyConflict(error)) throw new ProviderUnavailableError('the payout cannot be made now');
    return { status: 'FAILED' };
  }

  async #find(group: string): Promise<Stripe.Transfer | undefined> {
    const { data } = await this.#client.call((stripe) =>
      stripe.transfers.list({ transfer_group: group, limit: TRANSFERS_PER_GROUP_MAX }),
    );
    assert(data.length <= 1, 'a payout is one transfer');
    return data[0];
  }

  #outcomeOf(
    transfer: Stripe.Transfer,
    wanted?: { amount: number; currency: string; destination: string },
  ): PayoutOutcome {
    const { id, amount, currency, destination, amount_reversed: reversed } = transfer;
    if (wanted) {
      const to = typeof destination === 'string' ? destination : destination?.id;
      const isAsIs = amount === wanted.amount && currency === wanted.currency && to === wanted.destination;
      assert(isAsIs, `the transfer ${id} is what was asked for`);
    }
    if (reversed === amount) return { status: 'FAILED' };
    if (reversed > 0)
      this.deps.log.error({ transferId: id }, 'a part of a payout was taken back at Stripe: somebody has to look');
    return { status: 'PAID', providerId: id };
  }

  /** A name that no other deployment on the same account has: their payouts are numbered from 1 as well. */
  async #scoped(key: string): Promise<string> {
    this.#namespace ??= readDeployment(this.deps.db.pool);
    try {
      return `${await this.#namespace}:${key}`;
    } catch (error) {
      this.#namespace = undefined;
      throw error;
    }
  }
}

function isAccount(token: string): boolean {
  return /^acct_[A-Za-z0-9_]+$/.test(token);
}

function isSame(one: PayoutRequest, other: PayoutRequest): boolean {
  return (
    one.accountToken === other.accountToken &&
    one.amount.minorUnits === other.amount.minorUnits &&
    one.amount.currency === other.amount.currency
  );
}
