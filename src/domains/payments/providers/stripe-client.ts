import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Logger } from 'pino';
import Stripe from 'stripe';
import { ProviderUnavailableError } from './provider.ts';

/** How long Stripe may be silent, and how long one call may take in all, with its retries. */
const SILENCE_MS_MAX = 10_000;
const CALL_MS_MAX = 25_000;
/** Further attempts of the stripe package at a request that met a broken connection, a conflict or a failure of Stripe's. */
const RETRIES_MAX = 1;
/** Stripe stores failures of its own under an idempotency key, too. So many keys are tried, one after the other. */
const KEYS_PER_REQUEST_MAX = 3;

/** Where Stripe is, and its time limits; for tests. */
export type StripeClientOptions = {
  host?: string;
  port?: number;
  protocol?: 'http' | 'https';
  silenceMsMax?: number;
  callMsMax?: number;
};

/**
 * Stripe said no: nothing was done, and nothing will be. Holds what may be logged, and none of what Stripe sends along: its
 * messages repeat tokens, and its objects are about people.
 */
export class StripeRefusal extends Error {
  constructor(
    readonly type: string,
    readonly code: string | undefined,
    readonly param: string | undefined,
    readonly requestId: string | undefined,
  ) {
    super(`Stripe refused: ${[type, code, param, requestId].filter(Boolean).join(' ')}`);
  }
}

/** The idempotency key is spent: Stripe has stored a failure of its own under it, and would repeat it for a day. */
class StoredFailure extends ProviderUnavailableError {}

/** Calls Stripe through its package: bounded in time, with errors of ours, and gone at once when closed. */
export class StripeClient {
  readonly #stripe: Stripe;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #callMsMax: number;
  readonly #underWay = new Set<(error: Error) => void>();
  #closed = false;

  constructor(
    secretKey: string,
    private readonly log: Logger,
    options: StripeClientOptions = {},
  ) {
    const { protocol = 'https', host, port } = options;
    this.#agent = new (protocol === 'http' ? HttpAgent : HttpsAgent)({ keepAlive: true });
    this.#callMsMax = options.callMsMax ?? CALL_MS_MAX;
    this.#stripe = new Stripe(secretKey, {
      protocol,
      ...(host === undefined ? {} : { host }),
      ...(port === undefined ? {} : { port }),
      httpAgent: this.#agent,
      timeout: options.silenceMsMax ?? SILENCE_MS_MAX,
      maxNetworkRetries: RETRIES_MAX,
      telemetry: false,
      appInfo: { name: 'hadiya' },
    });
  }

  /**
   * @throws {StripeRefusal}
   * @throws {ProviderUnavailableError} outcome not known
   */
  call<T>(work: (stripe: Stripe) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new ProviderUnavailableError('this server is stopping'));
      const end = () => {
        clearTimeout(timer);
        this.#underWay.delete(abandon);
      };
      const abandon = (error: Error) => {
        end();
        reject(error);
      };
      const timer = setTimeout(
        () => abandon(new ProviderUnavailableError('Stripe took too long')),
        this.#callMsMax,
      ).unref();
      this.#underWay.add(abandon);
      work(this.#stripe)
        .then(resolve, (error: unknown) => reject(this.#translate(error)))
        .finally(end);
    });
  }

  /**
   * A request that is made once for its key. Where Stripe has stored a failure of its own under the key it is made under
   * further ones, always the same: callers see to it that what is done twice does no harm.
   */
  async callOnce<T>(
    key: string,
    work: (stripe: Stripe, options: { idempotencyKey: string }) => Promise<T>,
    isSpent: (error: unknown) => boolean = isStoredFailure,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const idempotencyKey = attempt === 1 ? key : `${key}#${attempt}`;
      try {
        return await this.call((stripe) => work(stripe, { idempotencyKey }));
      } catch (error) {
        if (!isSpent(error) || attempt === KEYS_PER_REQUEST_MAX) throw error;
      }
    }
  }

  /** Ends what is under way, with ProviderUnavailableError, and the connections. */
  close(): void {
    this.#closed = true;
    for (const abandon of this.#underWay) abandon(new ProviderUnavailableError('this server is stopping'));
    this.#agent.destroy();
  }

  #translate(error: unknown): unknown {
    const { errors } = Stripe;
    if (!(error instanceof errors.StripeError)) return error;
    const { code, param, requestId, statusCode } = error;
    const type = error.rawType ?? error.type;
    const refused = error instanceof errors.StripeCardError || error instanceof errors.StripeInvalidRequestError;
    if (refused || error instanceof errors.StripeIdempotencyError)
      return new StripeRefusal(type, code, param, requestId);
    // A key that Stripe does not accept stays wrong until somebody hears of it.
    const isKeyWrong =
      error instanceof errors.StripeAuthenticationError || error instanceof errors.StripePermissionError;
    this.log[isKeyWrong ? 'error' : 'warn'](
      { type, code, requestId, statusCode },
      'Stripe did not do what it was asked',
    );
    const isStored = (statusCode ?? 0) >= 500 && error.headers?.['idempotent-replayed'] === 'true';
    return new (isStored ? StoredFailure : ProviderUnavailableError)(`Stripe is not available: ${type}`);
  }
}

/** Whether Stripe has stored a failure of its own under the idempotency key. */
export function isStoredFailure(error: unknown): boolean {
  return error instanceof StoredFailure;
}

/** Whether the idempotency key was used before with other parameters. */
export function isKeyConflict(error: unknown): boolean {
  return error instanceof StripeRefusal && error.type === 'idempotency_error';
}

/** Whether an object is, or has become, what does not allow the request. */
export function isUnexpectedState(error: unknown): boolean {
  return error instanceof StripeRefusal && error.code === 'payment_intent_unexpected_state';
}
