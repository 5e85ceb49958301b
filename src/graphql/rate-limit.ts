import type { IncomingMessage } from 'node:http';
import { type DocumentNode, GraphQLError, getOperationAST } from 'graphql';
import { RateLimitedError, UnavailableError } from '../kernel/errors.ts';
import { Meters } from '../kernel/instruments.ts';
import { Windows } from '../kernel/windows.ts';
import { KEYS_MAX, type PointCounters, type Purses, type Spending, WINDOW_MS } from '../live/points.ts';
import { clientNetwork, isLoopback } from './client-address.ts';
import type { Context } from './context.ts';
import { costOf } from './operation-cost.ts';

/** When to try again what cannot be counted now. */
const UNAVAILABLE_RETRY_MS = 1_000;

/**
 * Characters of documents that are not known yet, or too long or wrong to be remembered, which one address may have this server
 * read in a minute. Nobody is asked who they are before that. The worst documents take about 1 ms for 1,000 of them.
 */
export const READ_CHARACTERS_PER_MINUTE_MAX = 6_000_000;
/** What a document takes to read however short it is, in characters. */
export const READ_CHARACTERS_MIN = 1_000;

/** Per minute; 0 is no limit. */
export type RateLimitOptions = {
  /** Root fields of a viewer. */
  viewer: number;
  /** Of them, those that move money. */
  money: number;
  /** Root fields of an address. */
  ip: number;
  /** What the operations of a viewer cost. */
  viewerCost: number;
  /** What the operations of an address cost. */
  ipCost: number;
  /** Requests of an address to this server. */
  requests: number;
  /** Whether this machine's own addresses are limited, too. */
  loopback: boolean;
  /** Proxies whose X-Forwarded-For is believed. */
  trustProxy: number;
};

/** Why an operation is not executed. */
export type Refusal = RateLimitedError | UnavailableError;

type Asked = {
  document: DocumentNode;
  operationName?: string | null | undefined;
  variableValues?: { readonly [name: string]: unknown } | null | undefined;
};

/**
 * Counts per viewer and per address, the same over HTTP, SSE and WebSocket: executed root fields, and what operations cost, before
 * anything is executed. Both of an operation's owners are asked at once, which is one round trip to Redis; none when no limit
 * applies. Before that, without Redis and without asking who it is: requests of an address, and the documents that it has read.
 *
 * When Redis is down, what moves money is refused, as nobody could tell how much of it there was; everything else is counted by
 * this server alone.
 */
export class RateLimits {
  /** Of each owner, by budget. */
  readonly #viewer: Purses | undefined;
  readonly #ip: Purses | undefined;
  readonly #requests: Windows | undefined;
  readonly #networks = new WeakMap<object, string>();

  constructor(
    counters: PointCounters | undefined,
    private readonly options: RateLimitOptions,
    private readonly meters = new Meters(),
  ) {
    const { viewer, money, viewerCost, ip, ipCost, requests } = options;
    const purses = (name: string, limits: readonly number[]) =>
      limits.some((limit) => limit > 0) ? counters?.purses(name, limits) : undefined;
    this.#viewer = purses('viewer', [viewer, money, viewerCost]);
    this.#ip = purses('ip', [ip, ipCost]);
    if (requests > 0) {
      this.#requests = new Windows(WINDOW_MS, [requests, READ_CHARACTERS_PER_MINUTE_MAX], KEYS_MAX);
    }
  }

  /** What a request's address counts as; undefined when it is not counted. */
  networkOf(request: Pick<IncomingMessage, 'headers' | 'socket'>): string | undefined {
    if (!this.#ip && !this.#requests) return undefined;
    const known = this.#networks.get(request);
    const network = known ?? clientNetwork(request, this.options.trustProxy);
    if (known === undefined) this.#networks.set(request, network);
    return isLoopback(network) && !this.options.loopback ? undefined : network;
  }

  /**
   * Counts a request, whatever is in it.
   * @returns why it must not be looked at; undefined when it may
   */
  refuseRequest(network: string | undefined): RateLimitedError | undefined {
    return this.#spendHere(network, [1, 0]);
  }

  /**
   * Counts a document that has to be read.
   * @returns the error to answer with instead, if it must not be; what is known is executed all the same
   */
  refuseReading(network: string | undefined, text: string): GraphQLError | undefined {
    const refusal = this.#spendHere(network, [0, READ_CHARACTERS_MIN + text.length]);
    return refusal && refusalResult(refusal).errors[0];
  }

  #spendHere(network: string | undefined, points: readonly [requests: number, characters: number]) {
    const waitMs = network === undefined ? undefined : this.#requests?.spend(network, points);
    if (waitMs === undefined) return undefined;
    const refusal = new RateLimitedError(Math.ceil(waitMs));
    this.meters.rateLimitRefusals.add(refusal.code);
    return refusal;
  }

  /**
   * Counts an operation.
   * @param complexity what it costs
   * @returns why it must not be executed; undefined, at once where nothing is counted, when it may
   */
  admit(
    context: Pick<Context, 'actor' | 'network'>,
    asked: Asked,
    complexity: number,
  ): undefined | Promise<Refusal | undefined> {
    const { actor, network } = context;
    const operation = getOperationAST(asked.document, asked.operationName);
    if (!operation || (!actor && network === undefined)) return undefined;
    const cost = costOf(asked.document, operation, asked.variableValues);
    const { viewer, money, viewerCost, ip, ipCost } = this.options;
    const spending: Promise<Spending>[] = [];
    if (actor && this.#viewer) {
      const points = [within(viewer, cost.points), within(money, cost.money), within(viewerCost, complexity)];
      spending.push(spend(this.#viewer, String(actor.id), points, points[1]! > 0));
    }
    if (network !== undefined && this.#ip) {
      spending.push(spend(this.#ip, network, [within(ip, cost.points), within(ipCost, complexity)], false));
    }
    return spending.length === 0 ? undefined : Promise.all(spending).then((spendings) => this.#judge(spendings));
  }

  #judge(spendings: readonly Spending[]): Refusal | undefined {
    const refusal = toRefusal(spendings);
    if (refusal) this.meters.rateLimitRefusals.add(refusal.code);
    return refusal;
  }
}

/** What is to be spent of a budget: nothing where it has no limit. */
function within(limit: number, points: number): number {
  return limit > 0 ? points : 0;
}

/** A refusal as the error of a whole operation. */
export function refusalError({ message, code, retryAfterMs }: Refusal): GraphQLError {
  return new GraphQLError(message, { extensions: { code, retryAfterMs } });
}

/** When to come back, as HTTP's header says it. */
export function retryAfterSeconds({ retryAfterMs }: Refusal): string {
  return String(Math.ceil(retryAfterMs / 1000));
}

/** The same over HTTP, with a status of its own for those who know GraphQL's media type. */
export function refusalResult(refusal: Refusal): { errors: GraphQLError[] } {
  const { message, code, retryAfterMs } = refusal;
  const http = {
    status: refusal instanceof RateLimitedError ? 429 : 503,
    spec: true,
    headers: { 'retry-after': retryAfterSeconds(refusal) },
  };
  return { errors: [new GraphQLError(message, { extensions: { code, retryAfterMs, http } })] };
}

/** Where nobody can tell what is left, this server counts by itself; for money nothing stands in. */
async function spend(purses: Purses, key: string, points: readonly number[], isMoney: boolean): Promise<Spending> {
  if (points.every((wanted) => wanted === 0)) return { kind: 'SPENT' };
  const spending = await purses.spend(key, points);
  if (spending.kind !== 'DOWN') return spending;
  const here = purses.spendHere(key, points);
  return here.kind === 'SPENT' && isMoney ? spending : here;
}

function toRefusal(spendings: readonly Spending[]): Refusal | undefined {
  const waits = spendings.flatMap((spending) => (spending.kind === 'OVER' ? [spending.retryAfterMs] : []));
  if (waits.length > 0) return new RateLimitedError(Math.max(...waits));
  return spendings.some(({ kind }) => kind === 'DOWN') ? new UnavailableError(UNAVAILABLE_RETRY_MS) : undefined;
}
