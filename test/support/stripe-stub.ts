/**
 * A server that speaks as Stripe does, as far as this project asks: form-encoded requests, idempotency keys, PaymentIntents with
 * their states, refunds and disputes. What a card does depends on the name of its payment method, see `pm`. Tests break it with
 * `fail` and `hold`, look into its books, and have it sign events.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Stripe from 'stripe';
import type { StripeConfig } from '../../src/config.ts';
import { Books, invalid, missing, Refusal } from './stripe-books.ts';

export { pm, type StubIntent } from './stripe-books.ts';

/** What tests configure Hadiya with. */
export const STRIPE_SECRETS: StripeConfig = { secretKey: 'sk_test_51Hadiya', webhookSecret: 'whsec_Hadiya' };

/** A request, as it came. */
export type StubRequest = { method: string; path: string; params: Record<string, string>; key: string | undefined };

/**
 * How a request goes wrong, before it has done anything, or after. `hang`: no answer; `break`: the connection breaks; 500: a failure
 * that Stripe keeps under the key; 429 and 503: one that it does not keep.
 */
export type Fault = { when: 'before' | 'after'; how: 'hang' | 'break' | 500 | 429 | 503; times?: number };

type Hold = { pattern: RegExp; reached: () => void; released: Promise<void> };
type Answer = { status: number; body: object };
type Stored = Answer & { fingerprint: string };

/** Parameters that each endpoint knows. Stripe refuses others. */
const PARAMS: Record<string, RegExp> = {
  create:
    /^(amount|currency|payment_method|customer|confirm|automatic_payment_methods\[(enabled|allow_redirects)\]|metadata\[\w+\])$/,
  confirm: /^off_session$/,
  cancel: /^cancellation_reason$/,
  refund: /^(payment_intent|amount|metadata\[\w+\])$/,
  transfer: /^(amount|currency|destination|transfer_group|metadata\[\w+\])$/,
};

/** A running stub. */
export class StripeStub {
  readonly books = new Books();
  /** Everything that was asked, repeats included. */
  readonly requests: StubRequest[] = [];
  readonly #stored = new Map<string, Stored>();
  readonly #running = new Set<string>();
  readonly #faults: { pattern: RegExp; fault: Fault; left: number }[] = [];
  readonly #holds: Hold[] = [];
  readonly #server = createServer((req, res) => {
    this.#serve(req, res).catch((error: Error) =>
      respond(res, { status: 500, body: { error: { type: 'api_error', message: error.message } } }),
    );
  });

  /** Where the adapter finds it. */
  get options() {
    const { port } = this.#server.address() as AddressInfo;
    return { host: '127.0.0.1', port, protocol: 'http' as const };
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Breaks the next requests whose "METHOD /path" matches. */
  fail(pattern: RegExp, fault: Fault): void {
    this.#faults.push({ pattern, fault, left: fault.times ?? 1 });
  }

  /** Keeps the next request whose "METHOD /path" matches waiting, before it does anything. */
  hold(pattern: RegExp): { reached: Promise<void>; release: () => void } {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const reached = new Promise<void>((resolve) => {
      this.#holds.push({ pattern, reached: resolve, released });
    });
    return { reached, release };
  }

  /** Forgets what was answered under idempotency keys, as Stripe does after a day. */
  forgetKeys(): void {
    this.#stored.clear();
  }

  /** How often something was asked. */
  count(pattern: RegExp): number {
    return this.requests.filter(({ method, path }) => pattern.test(`${method} ${path}`)).length;
  }

  /** The statuses of all intents, oldest first. */
  statuses(): string[] {
    return [...this.books.intents.values()].map(({ status }) => status);
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
    const url = new URL(req.url!, 'http://stub');
    const params = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
    const key = req.method === 'POST' ? (req.headers['idempotency-key'] as string | undefined) : undefined;
    const request: StubRequest = { method: req.method!, path: url.pathname, params, key };
    this.requests.push(request);
    const name = `${request.method} ${request.path}`;
    if (req.headers.authorization !== `Bearer ${STRIPE_SECRETS.secretKey}`) {
      return respond(res, {
        status: 401,
        body: { error: { type: 'invalid_request_error', message: 'Invalid API Key' } },
      });
    }
    if (key !== undefined && this.#running.has(key)) {
      const error = { type: 'invalid_request_error', code: 'idempotency_key_in_use' };
      return respond(res, { status: 409, body: { error } });
    }
    if (key !== undefined) this.#running.add(key);
    try {
      await this.#wait(name);
      const fault = this.#faultFor(name);
      if (fault?.when === 'before' && fault.how !== 500) return breakDown(res, fault.how);
      const { answer, replayed } = this.#once(request, url, fault);
      if (fault?.when === 'after' && fault.how !== 500) return breakDown(res, fault.how);
      respond(res, answer, replayed);
    } finally {
      if (key !== undefined) this.#running.delete(key);
    }
  }

  async #wait(name: string): Promise<void> {
    const hold = this.#holds.find(({ pattern }) => pattern.test(name));
    if (!hold) return;
    this.#holds.splice(this.#holds.indexOf(hold), 1);
    hold.reached();
    await hold.released;
  }

  #faultFor(name: string): Fault | undefined {
    const found = this.#faults.find(({ pattern, left }) => left > 0 && pattern.test(name));
    if (found) found.left--;
    return found?.fault;
  }

  /** Answers a key as it was answered before. Validation, too, happens first. */
  #once(request: StubRequest, url: URL, fault: Fault | undefined): { answer: Answer; replayed: boolean } {
    const { key } = request;
    if (!key) return { answer: this.#answer(request, url), replayed: false };
    const fingerprint = JSON.stringify([request.path, request.params]);
    const known = this.#stored.get(key);
    if (known) {
      if (known.fingerprint === fingerprint) return { answer: known, replayed: true };
      const message = 'Keys for idempotent requests can only be used with the same parameters';
      return { answer: { status: 400, body: { error: { type: 'idempotency_error', message } } }, replayed: false };
    }
    const failed = { status: 500, body: { error: { type: 'api_error', message: 'stub: it broke' } } };
    const done = fault?.how === 500 && fault.when === 'before' ? failed : this.#answer(request, url);
    const answer = fault?.how === 500 ? failed : done;
    // Stripe keeps the very bytes, not the object, which goes on to change; and nothing of what it did not begin to do.
    if (![400, 404].includes(answer.status))
      this.#stored.set(key, { status: answer.status, body: structuredClone(answer.body), fingerprint });
    return { answer, replayed: false };
  }

  #answer(request: StubRequest, url: URL): Answer {
    try {
      return { status: 200, body: this.#route(request, url) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { status: error.status, body: { error: error.error } };
    }
  }

  #route({ method, path, params }: StubRequest, url: URL): object {
    const { books } = this;
    const [, , resource, id = '', action] = path.split('/');
    const check = (endpoint: string) => {
      const unknown = Object.keys(params).find((name) => !PARAMS[endpoint]!.test(name));
      if (unknown) throw invalid('parameter_unknown', unknown);
    };
    switch (`${method} ${resource}${id && '/id'}${action ? `/${action}` : ''}`) {
      case 'POST payment_intents':
        check('create');
        return books.create(params);
      case 'GET payment_intents/id':
        return books.intent(id);
      case 'POST payment_intents/id/confirm':
        check('confirm');
        return books.confirm(id);
      case 'POST payment_intents/id/cancel':
        check('cancel');
        return books.cancel(id, params.cancellation_reason);
      case 'POST refunds':
        check('refund');
        return books.refund(params);
      case 'GET refunds':
        return { object: 'list', has_more: false, data: books.refundsOf(url.searchParams.get('payment_intent')) };
      case 'POST transfers':
        check('transfer');
        return books.transfer(params);
      case 'GET transfers': {
        const group = url.searchParams.get('transfer_group');
        const data = books.transfers.filter((transfer) => transfer.transfer_group === group);
        return { object: 'list', has_more: false, data };
      }
      case 'GET transfers/id':
        return books.transferOf(id);
      case 'GET accounts/id':
        if (!books.accounts.has(id)) throw missing('account');
        return books.accounts.get(id)!;
      case 'GET disputes/id':
        if (!books.disputes.has(id)) throw missing('dispute');
        return books.disputes.get(id)!;
      default:
        throw new Refusal(404, { type: 'invalid_request_error', message: `stub: ${method} ${path}` });
    }
  }
}

/** Starts a stub. */
export function startStripeStub(): Promise<StripeStub> {
  return new StripeStub().start();
}

let events = 0;

/** An event as Stripe sends it: a name for what has happened to an object, and the object as it was then. */
export function stripeEvent(type: string, object: object, fields: { id?: string; created?: number } = {}): object {
  const { id = `evt_${++events}`, created = Math.floor(Date.now() / 1_000) } = fields;
  return { id, object: 'event', type, created, livemode: false, data: { object } };
}

/** The header that Stripe would sign a body with. */
export function signatureOf(body: string, options: { secret?: string; atS?: number } = {}): string {
  const { secret = STRIPE_SECRETS.webhookSecret, atS } = options;
  return Stripe.webhooks.generateTestHeaderString({ payload: body, secret, ...(atS ? { timestamp: atS } : {}) });
}

/** Sends a body to the webhook of a server; returns the HTTP status. Signed, unless there is a signature given or `null`. */
export async function deliver(serverUrl: string, event: object | string, signature?: string | null): Promise<number> {
  const body = typeof event === 'string' ? event : JSON.stringify(event);
  const header = signature === undefined ? signatureOf(body) : signature;
  const response = await fetch(new URL('/webhooks/stripe', serverUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(header === null ? {} : { 'stripe-signature': header }) },
    body,
  });
  await response.arrayBuffer();
  return response.status;
}

function breakDown(res: ServerResponse, how: Fault['how']): void {
  if (how === 'hang') return;
  if (how === 'break') res.destroy();
  else respond(res, { status: how, body: { error: { type: how === 429 ? 'invalid_request_error' : 'api_error' } } });
}

function respond(res: ServerResponse, { status, body }: Answer, replayed = false): void {
  res.writeHead(status, {
    'content-type': 'application/json',
    'request-id': 'req_stub',
    // What is stored is not worth asking for again.
    ...(status === 500 ? { 'stripe-should-retry': 'false' } : {}),
    ...(replayed ? { 'idempotent-replayed': 'true' } : {}),
  });
  res.end(JSON.stringify(body));
}
