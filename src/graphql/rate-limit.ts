import type { IncomingMessage } from 'node:http';
import { type DocumentNode, GraphQLError, getOperationAST } from 'graphql';
import { RateLimitedError, UnavailableError } from '../kernel/errors.ts';
import { Meters } from '../kernel/instruments.ts';
import type { Bucket, PointCounters, Spending } from '../live/points.ts';
import { clientNetwork, isLoopback } from './client-address.ts';
import type { Context } from './context.ts';
import { costOf } from './operation-cost.ts';

/** When to try again what cannot be counted now. */
const UNAVAILABLE_RETRY_MS = 1_000;

/** Points per minute; 0 is no limit. */
export type RateLimitOptions = {
  viewer: number;
  money: number;
  ip: number;
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
 * Counts executed root fields per viewer and per address, before anything is executed, the same over HTTP, SSE and WebSocket.
 * All buckets of an operation are asked at once, which is one round trip to Redis; none when no limit applies.
 *
 * When Redis is down, what moves money is refused, as nobody could tell how much of it there was; everything else is counted by
 * this server alone.
 */
export class RateLimits {
  readonly #viewer: Bucket | undefined;
  readonly #money: Bucket | undefined;
  readonly #ip: Bucket | undefined;

  constructor(
    counters: PointCounters | undefined,
    private readonly options: RateLimitOptions,
    private readonly meters = new Meters(),
  ) {
    const bucket = (name: string, limit: number) => (limit > 0 ? counters?.bucket(name, limit) : undefined);
    this.#viewer = bucket('viewer', options.viewer);
    this.#money = bucket('money', options.money);
    this.#ip = bucket('ip', options.ip);
  }

  /** What a request's address counts as; undefined when it is not counted. */
  networkOf(request: Pick<IncomingMessage, 'headers' | 'socket'>): string | undefined {
    if (!this.#ip) return undefined;
    const network = clientNetwork(request, this.options.trustProxy);
    return isLoopback(network) && !this.options.loopback ? undefined : network;
  }

  /**
   * Counts an operation.
   * @returns why it must not be executed; undefined, at once where nothing is counted, when it may
   */
  admit(context: Pick<Context, 'actor' | 'network'>, asked: Asked): undefined | Promise<Refusal | undefined> {
    const { actor, network } = context;
    const operation = getOperationAST(asked.document, asked.operationName);
    if (!operation || (!actor && network === undefined)) return undefined;
    const { points, money } = costOf(asked.document, operation, asked.variableValues);
    const spending: Promise<Spending>[] = [];
    const spend = (bucket: Bucket | undefined, key: string | undefined, cost: number) => {
      if (bucket && key !== undefined && cost > 0) spending.push(spendOpen(bucket, key, cost));
    };
    const viewer = actor && String(actor.id);
    spend(this.#viewer, viewer, points);
    spend(this.#ip, network, points);
    // Money is closed: this one bucket has nothing to stand in for it.
    if (this.#money && viewer !== undefined && money > 0) spending.push(this.#money.spend(viewer, money));
    return spending.length === 0 ? undefined : Promise.all(spending).then((spendings) => this.#judge(spendings));
  }

  #judge(spendings: readonly Spending[]): Refusal | undefined {
    const refusal = toRefusal(spendings);
    if (refusal) this.meters.rateLimitRefusals.add(refusal.code);
    return refusal;
  }
}

/** A refusal as the error of a whole operation. */
export function refusalError({ message, code, retryAfterMs }: Refusal): GraphQLError {
  return new GraphQLError(message, { extensions: { code, retryAfterMs } });
}

/** The same over HTTP, with a status of its own for those who know GraphQL's media type. */
export function refusalResult(refusal: Refusal): { errors: GraphQLError[] } {
  const { message, code, retryAfterMs } = refusal;
  const http = {
    status: refusal instanceof RateLimitedError ? 429 : 503,
    spec: true,
    headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) },
  };
  return { errors: [new GraphQLError(message, { extensions: { code, retryAfterMs, http } })] };
}

async function spendOpen(bucket: Bucket, key: string, cost: number): Promise<Spending> {
  const spending = await bucket.spend(key, cost);
  return spending.kind === 'DOWN' ? bucket.spendHere(key, cost) : spending;
}

function toRefusal(spendings: readonly Spending[]): Refusal | undefined {
  const waits = spendings.flatMap((spending) => (spending.kind === 'OVER' ? [spending.retryAfterMs] : []));
  if (waits.length > 0) return new RateLimitedError(Math.max(...waits));
  return spendings.some(({ kind }) => kind === 'DOWN') ? new UnavailableError(UNAVAILABLE_RETRY_MS) : undefined;
}
