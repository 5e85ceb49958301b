/** The operations of the public API that tests use again and again, as functions. */
import { randomUUID } from 'node:crypto';
import { type HttpClient, httpClient } from './client.ts';
import { type MutationName, mutationDocument, STREAM_LOG } from './documents.ts';
import type { Endpoint } from './endpoint.ts';
import type { Variables } from './wire.ts';

/** A person who is signed in. */
export type Actor = {
  id: string;
  handle: string;
  token: string;
  /** Sends operations as this person. */
  api: HttpClient;
};

/** An expected failure, as a member of a result union. */
export type Refusal = { __typename: string; message: string; code: string } & Record<string, unknown>;

/** The result of a mutation: its success or one of its errors. Tell them apart by `__typename`. */
export type Outcome<Success> = (Success & { __typename: string }) | Refusal;

/** A wallet. */
export type Wallet = { coins: number };

/** A live event with the fields of all its types. */
export type LiveEvent = {
  __typename: string;
  seq: number;
  type: string;
  occurredAt: string;
} & Record<string, unknown>;

/** What liveEvents yields. */
export type LiveEventEdge = { cursor: string; node: LiveEvent };

/** Runs a mutation. GraphQL errors throw; expected failures come back as outcomes. */
export async function mutate<Success>(
  api: HttpClient,
  name: MutationName,
  input: Variables,
): Promise<Outcome<Success>> {
  const { data, errors, status } = await api.request<Record<string, Outcome<Success>>>(mutationDocument(name), {
    input,
  });
  const outcome = data?.[name];
  if (errors || !outcome) throw new Error(`${name} failed with HTTP ${status}: ${JSON.stringify(errors)}`);
  return outcome;
}

/** Runs a query. GraphQL errors throw. */
export async function query<Data>(api: HttpClient, document: string, variables?: Variables): Promise<Data> {
  const { data, errors, status } = await api.request<Data>(document, variables);
  if (errors || !data) throw new Error(`the query failed with HTTP ${status}: ${JSON.stringify(errors)}`);
  return data;
}

/** The success of an outcome; throws when it is an error. */
export function succeed<Success>(outcome: Outcome<Success>): Success & { __typename: string } {
  if (!outcome.__typename.endsWith('Success')) throw new Error(`expected a success, got ${JSON.stringify(outcome)}`);
  return outcome as Success & { __typename: string };
}

/** A handle that nobody has yet. */
export function freshHandle(prefix = 'viewer'): string {
  return `${prefix}_${randomUUID().replaceAll('-', '').slice(0, 10)}`;
}

/** Signs in; the viewer is made on first use. */
export async function signIn(endpoint: Pick<Endpoint, 'url'>, handle = freshHandle()): Promise<Actor> {
  type Success = { token: string; viewer: { id: string; handle: string } };
  const { token, viewer } = succeed(await mutate<Success>(httpClient(endpoint.url), 'signIn', { handle }));
  return { id: viewer.id, handle: viewer.handle, token, api: httpClient(endpoint.url, token) };
}

/** Buys the smallest pack that holds this many coins, or the pack given. */
export async function buyCoins(
  viewer: Actor,
  options: { coins?: number; packId?: string; paymentToken?: string; idempotencyKey?: string } = {},
): Promise<Outcome<{ wallet: Wallet; purchase: { id: string }; replayed: boolean }>> {
  const packId = options.packId ?? (await packWith(viewer, options.coins ?? 1));
  const { paymentToken = 'tok_ok', idempotencyKey = randomUUID() } = options;
  return mutate(viewer.api, 'buyCoins', { packId, paymentToken, idempotencyKey });
}

async function packWith(viewer: Actor, coins: number): Promise<string> {
  type Packs = { coinPacks: { id: string; coins: number }[] };
  const { coinPacks } = await query<Packs>(viewer.api, 'query CoinPacks { coinPacks { id coins } }');
  const fitting = coinPacks.filter((pack) => pack.coins >= coins).sort((a, b) => a.coins - b.coins)[0];
  if (!fitting) throw new Error(`no pack holds ${coins} coins: ${JSON.stringify(coinPacks)}`);
  return fitting.id;
}

/** Goes live; a viewer becomes a creator with the first stream. Returns the stream. */
export async function startStream(creator: Actor, title = `Live with ${creator.handle}`): Promise<{ id: string }> {
  return succeed(await mutate<{ stream: { id: string } }>(creator.api, 'startStream', { title })).stream;
}

/** Ends a stream. */
export function endStream(
  creator: Actor,
  streamId: string,
): Promise<Outcome<{ stream: { id: string; status: string }; replayed: boolean }>> {
  return mutate(creator.api, 'endStream', { streamId });
}

/** The id of a gift by its name. */
export async function giftId(api: HttpClient, name: string): Promise<string> {
  const { gifts } = await query<{ gifts: { id: string; name: string }[] }>(api, 'query Gifts { gifts { id name } }');
  const gift = gifts.find((candidate) => candidate.name === name);
  if (!gift) throw new Error(`no gift is named ${name}: ${JSON.stringify(gifts)}`);
  return gift.id;
}

/** What a sent gift is. */
export type SendGiftSuccess = { giftSent: LiveEvent; wallet: Wallet; replayed: boolean };

/** Sends a gift, one Rose (1 coin) unless said otherwise. */
export async function sendGift(
  viewer: Actor,
  streamId: string,
  options: { gift?: string; giftId?: string; quantity?: number; idempotencyKey?: string } = {},
): Promise<Outcome<SendGiftSuccess>> {
  const id = options.giftId ?? (await giftId(viewer.api, options.gift ?? 'Rose'));
  const { quantity = 1, idempotencyKey = randomUUID() } = options;
  return mutate(viewer.api, 'sendGift', { streamId, giftId: id, quantity, idempotencyKey });
}

/** What a chat message that was said is. */
export type SendChatMessageSuccess = { chatMessage: LiveEvent; replayed: boolean };

/** Says something in a stream's chat. */
export function sendChatMessage(
  viewer: Actor,
  streamId: string,
  text: string,
  idempotencyKey: string = randomUUID(),
): Promise<Outcome<SendChatMessageSuccess>> {
  return mutate(viewer.api, 'sendChatMessage', { streamId, text, idempotencyKey });
}

/** Likes a stream. */
export function sendLikes(viewer: Actor, streamId: string, count = 1): Promise<Outcome<{ likes: number }>> {
  return mutate(viewer.api, 'sendLikes', { streamId, count });
}

/** The whole log of a stream, page by page, as its public connection gives it. */
export async function readLog(api: HttpClient, streamId: string, pageSize = 50): Promise<LiveEventEdge[]> {
  type Page = {
    liveStream: { events: { edges: LiveEventEdge[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } };
  };
  const edges: LiveEventEdge[] = [];
  for (let after: string | null = null, pages = 0; pages < MAX_LOG_PAGES; pages++) {
    const page: Page = await query<Page>(api, STREAM_LOG, { id: streamId, first: pageSize, after });
    edges.push(...page.liveStream.events.edges);
    if (!page.liveStream.events.pageInfo.hasNextPage) return edges;
    after = page.liveStream.events.pageInfo.endCursor;
  }
  throw new Error(`the log of ${streamId} has more than ${MAX_LOG_PAGES} pages of ${pageSize}`);
}

/** A log that goes on for longer than this does not end. */
const MAX_LOG_PAGES = 1_000;
