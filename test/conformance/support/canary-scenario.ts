/** People who leave their secrets everywhere, in good requests and in bad ones, while the database fails under them. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { signWebhook } from '../../../src/domains/fulfilment/partners/webhook-signature.ts';
import type { Answer, HttpClient } from '../../support/client.ts';
import { type MutationName, mutationDocument } from '../../support/documents.ts';
import { type Actor, freshHandle, signIn } from '../../support/operations.ts';
import type { ServerProcess } from '../../support/server-process.ts';

import { broken, refusing } from './defects.ts';
import type { Role, World, WorldIds } from './world.ts';

/** Secrets by their names: texts that stand nowhere else. */
export type Canaries = Record<string, string>;

/** What the scenario works on. */
export type Stage = {
  server: ServerProcess;
  pool: Pool;
  world: World;
  canaries: Canaries;
  /** Answers that refuse something: what is told to whoever has made a mistake. */
  refusals: string[];
  /** How many errors were masked. */
  masked: { count: number };
};

/** Somebody of the world. */
export type Person = Exclude<Role, 'anonymous'>;

/** A new secret. Short: a postal code has twenty characters. */
export function plant(canaries: Canaries, name: string): string {
  canaries[name] ??= `kanari${randomUUID().replaceAll('-', '').slice(0, 12)}`;
  return canaries[name];
}

/** Somebody of the world, as a client of the process. */
export function apiOf({ server, world }: Stage, role: Role): HttpClient {
  return server.http(role === 'anonymous' ? undefined : world.people[role].token);
}

/** Runs a mutation, notes what it refuses, and returns what it answers. */
export async function attempt(
  stage: Stage,
  who: Person | Actor,
  name: MutationName,
  input: Record<string, unknown>,
): Promise<Record<string, unknown> | undefined> {
  const api = typeof who === 'string' ? apiOf(stage, who) : stage.server.http(who.token);
  const answer: Answer<Record<string, Record<string, unknown>>> = await api.request(mutationDocument(name), { input });
  return noteAnswer(stage, name, answer);
}

/** Notes what an answer refuses, and whether it is masked. Returns the outcome. */
export function noteAnswer(
  stage: Stage,
  name: MutationName,
  answer: Omit<Answer<Record<string, Record<string, unknown>>>, 'status'>,
): Record<string, unknown> | undefined {
  const outcome = answer.data?.[name];
  if (answer.errors || !String(outcome?.__typename).endsWith('Success')) stage.refusals.push(JSON.stringify(answer));
  if (answer.errors?.some(({ extensions }) => extensions?.code === 'INTERNAL_SERVER_ERROR')) stage.masked.count++;
  return outcome;
}

/** Runs a mutation that has to succeed. */
async function does(...[stage, who, name, input]: Parameters<typeof attempt>): Promise<Record<string, unknown>> {
  const outcome = await attempt(stage, who, name, input);
  if (!String(outcome?.__typename).endsWith('Success'))
    throw new Error(`${name}: ${JSON.stringify(outcome ?? stage.refusals.at(-1))}`);
  return outcome!;
}

/** Runs a mutation that has to be refused with the code. */
async function isRefused(code: string, ...[stage, who, name, input]: Parameters<typeof attempt>): Promise<void> {
  const outcome = await attempt(stage, who, name, input);
  if (outcome?.code !== code) throw new Error(`${name} is not ${code}: ${JSON.stringify(outcome)}`);
}

/** An address, orders of it, and what is said of them afterwards. Returns the ids of what there is now. */
export async function shop(stage: Stage): Promise<WorldIds> {
  const { world, canaries } = stage;
  const { variantId, merchantId } = world.ids;
  const secret = (name: string) => plant(canaries, name);
  const address = {
    name: secret('the name of an address'),
    line1: secret('the first line of an address'),
    line2: secret('the second line of an address'),
    city: secret('the city of an address'),
    postalCode: secret('the postal code of an address'),
    country: 'AE',
    idempotencyKey: secret('the idempotency key of an address'),
  };
  const addressId = ((await does(stage, 'owner', 'addAddress', address)).address as { id: string }).id;
  const buy = async (input: Record<string, unknown> = {}) => {
    const usual = { variantId, expectedUnitPriceMinor: 2_500, addressId, paymentToken: 'tok_ok' };
    const bought = await does(stage, 'owner', 'buyNow', { ...usual, idempotencyKey: randomUUID(), ...input });
    return (bought.order as { id: string }).id;
  };
  const charge = { variantId, expectedUnitPriceMinor: 2_500, addressId };
  for (const [code, paymentToken, idempotencyKey] of [
    ['PAYMENT_DECLINED', `tok_${secret('a payment token that is declined')}`, secret('the key of a declined payment')],
    ['PAYMENT_PENDING', 'tok_unreachable', secret('the key of a payment that did not get there')],
    ['PAYMENT_PENDING', 'tok_timeout', secret('the key of a payment that timed out')],
  ] as const) {
    await isRefused(code, stage, 'owner', 'buyNow', { ...charge, paymentToken, idempotencyKey });
  }
  const { packId } = world.ids;
  const coins = {
    packId,
    paymentToken: `tok_${secret('a token for coins')}`,
    idempotencyKey: secret('the key of coins'),
  };
  await isRefused('PAYMENT_DECLINED', stage, 'owner', 'buyCoins', coins);
  const cancelled = await buy();
  await does(stage, 'owner', 'cancelOrder', { orderId: cancelled, reason: secret('why an order is cancelled') });
  const returned = await buy();
  const asked = await does(stage, 'owner', 'requestRefund', { orderId: returned, reason: secret('why a refund') });
  const refundId = (asked.refund as { id: string }).id;
  await does(stage, 'member', 'rejectRefund', { refundId, reason: secret('why no refund') });
  const sent = await buy();
  const read = 'query($id: ID!) { node(id: $id) { ... on Order { shipments { id } } } }';
  const { data } = await apiOf(stage, 'member').request<{ node: { shipments: { id: string }[] } }>(read, { id: sent });
  const shipmentId = data!.node.shipments[0]!.id;
  const parcel = { shipmentId, carrier: secret('a carrier'), trackingNumber: secret('a tracking number') };
  await does(stage, 'member', 'shipShipment', parcel);
  await does(stage, 'member', 'addTrackingEvent', {
    shipmentId,
    status: 'IN_TRANSIT',
    note: secret('a note on the way'),
  });
  await does(stage, 'owner', 'openDispute', { orderId: sent, reason: secret('why a dispute') });
  await does(stage, 'member', 'createWarehouse', {
    ...{ merchantId, name: secret('the name of a warehouse'), region: 'AE', shipsAbroad: true, promiseMinutes: 60 },
  });
  const draft = await does(stage, 'member', 'createProduct', {
    ...{ merchantId, kind: 'DIGITAL', title: secret('the title of a draft'), idempotencyKey: randomUUID() },
    description: secret('the description of a draft'),
    variants: [
      {
        ...{ sku: `SKU-${randomUUID()}`, title: 'One', priceMinor: 2_500, currency: 'USD' },
        downloadUrl: `https://example.com/${secret('where a draft is downloaded')}`,
      },
    ],
  });
  const downloaded = await buy(await sellDownload(stage, secret('where a purchase is downloaded')));
  return { cancelled, returned, sent, downloaded, draftOfSecrets: (draft.product as { id: string }).id };
}

/** Puts on sale what is downloaded. Returns what a buyer sends for it. */
async function sellDownload(stage: Stage, secret: string): Promise<Record<string, unknown>> {
  const { merchantId, warehouseId } = stage.world.ids;
  const downloadUrl = `https://example.com/${secret}`;
  const variant = { sku: `SKU-${randomUUID()}`, title: 'One', priceMinor: 2_500, currency: 'USD', downloadUrl };
  const product = { merchantId, kind: 'DIGITAL', title: 'A song', variants: [variant], idempotencyKey: randomUUID() };
  type Made = { id: string; variants: { id: string }[] };
  const made = (await does(stage, 'member', 'createProduct', product)).product as Made;
  const variantId = made.variants[0]!.id;
  await does(stage, 'member', 'setStock', { warehouseId, variantId, onHand: 5 });
  await does(stage, 'member', 'publishProduct', { productId: made.id });
  return { variantId };
}

/** What moderators, operators and creators say among themselves, and those who are kept away. */
export async function moderate(stage: Stage): Promise<void> {
  const { world, canaries, server } = stage;
  const { streamId, creatorId, creatorViewerId, purchaseId, reportId } = world.ids;
  const secret = (name: string) => plant(canaries, name);
  const say = (text: string) => ({ streamId, text, idempotencyKey: randomUUID() });
  await does(stage, 'owner', 'sendChatMessage', say(secret('a chat message')));
  const [pest, loud] = [await signIn(server, freshHandle('pest')), await signIn(server, freshHandle('loud'))];
  const ban = { viewerId: pest.id, streamId, reason: secret('why a ban') };
  await does(stage, 'creator', 'banViewer', ban);
  await isRefused('BANNED', stage, pest, 'sendChatMessage', say(secret('what the banned say')));
  await does(stage, 'moderator', 'muteViewer', {
    viewerId: loud.id,
    streamId,
    seconds: 600,
    reason: secret('why a mute'),
  });
  await isRefused('MUTED', stage, loud, 'sendChatMessage', say(secret('what the muted say')));
  await does(stage, 'creator', 'blockWords', { creatorId, phrases: [secret('a blocked word')] });
  const blocked = `${secret('around a blocked word')} ${secret('a blocked word')}`;
  await isRefused('BLOCKED_WORDS', stage, 'owner', 'sendChatMessage', say(blocked));
  const note = secret('the note of a report');
  await does(stage, 'other', 'reportContent', { viewerId: creatorViewerId, reason: 'HARASSMENT', note });
  const resolution = { reportId, resolution: 'DISMISSED', note: secret('how a report is resolved') };
  await does(stage, 'operator', 'resolveReport', resolution);
  const account = `acct_${secret('the account of a payout')}`;
  await does(stage, 'otherCreator', 'submitIdentity', { accountToken: account });
  const held = { creatorId, diamonds: 1_000, reason: secret('why earnings are held'), idempotencyKey: randomUUID() };
  await does(stage, 'operator', 'holdEarnings', held);
  const dispute = { purchaseId, news: 'OPEN', reason: secret('why coins are disputed') };
  await attempt(stage, 'operator', 'disputeCoinPurchase', dispute);
  const age = { viewerId: world.people.other.id, birthDate: '1963-07-19', reason: secret('why an age is corrected') };
  await does(stage, 'operator', 'correctAge', age);
}

/** Tokens, headers, documents, webhooks and links that are wrong. */
export async function attack(stage: Stage): Promise<void> {
  const { server, world, canaries } = stage;
  const secret = (name: string) => plant(canaries, name);
  const forged = `${Buffer.from(JSON.stringify({ alg: 'HS256', kid: secret('the kid of a forged token') })).toString('base64url')}.${Buffer.from(JSON.stringify({ sub: secret('the subject of a forged token') })).toString('base64url')}.${secret('the signature of a forged token')}`;
  for (const token of [secret('a bad token'), forged, `${world.people.owner.token}x`]) {
    const headers = { authorization: `Bearer ${token}`, cookie: `session=${secret('a cookie')}` };
    const agent = { 'user-agent': secret('a user agent'), referer: `https://x.example/?q=${secret('a referrer')}` };
    const refused = await server.http().request('{ me { id } }', {}, { headers: { ...headers, ...agent } });
    stage.refusals.push(JSON.stringify(refused));
    await server.ws({ token }).then(
      (client) => client.close(),
      (error: unknown) => stage.refusals.push(String(error)),
    );
  }
  await server
    .http()
    .request('query($s: String) { creators(search: $s) { totalCount } }', { s: secret('what is searched') });
  // Their authors are told what is wrong with these, word for word; nobody else is.
  const wrong = secret('a document that is wrong');
  for (const document of [
    `{ ${wrong} }`,
    `{ node(id: ${wrong}) { id } }`,
    `{ "${wrong}"`,
    `query($x: ${wrong}) { me { id } }`,
  ])
    await server.http().request(document, { x: wrong });
  const url = new URL(server.url);
  url.search = new URLSearchParams({
    query: `{ creators(search: "${secret('what stands in a URL')}") { totalCount } }`,
  }).toString();
  await (await fetch(url, { headers: { accept: 'application/json' } })).text();
  await (await fetch(new URL(`/reports/${secret('a link that is wrong')}`, server.url))).text();
  const report = await does(stage, 'operator', 'createReportLink', { year: 2026, quarter: 3, format: 'HTML' });
  const link = new URL(String(report.path), server.url);
  canaries['the token of a link'] = (link.pathname + link.search)
    .split(/[/=&?]/)
    .sort((a, b) => b.length - a.length)[0]!;
  await (await fetch(link)).text();
  for (const code of [world.ids.code, secret('a code that is wrong')])
    await attempt(stage, 'partner', 'verifyVoucher', { code, idempotencyKey: randomUUID() });
  await tellWebhooks(stage);
}

async function tellWebhooks(stage: Stage): Promise<void> {
  const { server, world, canaries, refusals } = stage;
  const secret = (name: string) => plant(canaries, name);
  const { data } = await apiOf(stage, 'partner').request<{ me: { merchants: { id: string; handle: string }[] } }>(
    '{ me { merchants { id handle } } }',
  );
  const { id: merchantId, handle } = data!.me.merchants[0]!;
  const key = String((await does(stage, 'partner', 'rotateWebhookSecret', { merchantId })).secret);
  canaries['the secret of a webhook'] = key;
  const event = {
    id: randomUUID(),
    shipmentId: world.ids.shipmentId,
    status: 'IN_TRANSIT',
    note: secret('what a webhook says'),
  };
  const post = async (path: string, body: string, signedBy: string) => {
    const signature = signWebhook(signedBy, Math.floor(Date.now() / 1_000), body);
    const headers = {
      'content-type': 'application/json',
      'hadiya-signature': signature,
      'stripe-signature': signature,
    };
    const response = await fetch(new URL(path, server.url), { method: 'POST', body, headers });
    refusals.push(`${response.status} ${await response.text()}`);
  };
  const path = `/webhooks/partners/${handle}`;
  await post(path, JSON.stringify(event), secret('a wrong secret'));
  await post(path, JSON.stringify({ ...event, status: event.note }), key);
  await post(path, `{"note": ${event.note}`, key);
  await post(path, JSON.stringify(event), key);
  await post(`/webhooks/partners/${event.note}`, JSON.stringify(event), key);
  await post('/webhooks/stripe', JSON.stringify({ id: event.note, type: event.note }), key);
  await broken(stage.pool, refusing('webhook_event'), async () => {
    await post(path, JSON.stringify({ ...event, id: event.note }), key);
  });
}
