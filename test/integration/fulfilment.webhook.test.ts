/** What retail partners tell by webhook: signed, once, in any order. */
import { randomUUID } from 'node:crypto';
import { Agent, type IncomingMessage, request } from 'node:http';
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { signWebhook } from '../../src/domains/fulfilment/partners/webhook-signature.ts';
import { mutate, signIn, succeed } from '../support/operations.ts';
import { act, cancel, force, placed, read, timeline } from './support/fulfilment.ts';
import { globalId, wrongIds } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { nowS, type PartnerScene, placedWithPartner, post, tell } from './support/partners.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

const SECRET = 'whsec_that only the partner knows';
const REFUSED = { status: 401, body: { errors: [{ message: 'The signature does not hold.' }] } };
const applied = { status: 200, body: { status: 'APPLIED' } };
const ignored = { status: 200, body: { status: 'IGNORED' } };

const bodyOf = ({ shipmentId }: PartnerScene, status = 'SHIPPED') =>
  JSON.stringify({ id: randomUUID(), shipmentId, status });

async function notedEvents(pool: Pool, { partner }: PartnerScene): Promise<number> {
  const { rows } = await pool.query('SELECT count(*)::int AS count FROM webhook_event WHERE source = $1', [
    `partner:${partner.id}`,
  ]);
  return rows[0].count;
}

test('a partner tells of a parcel, and the order follows', async ({ db, server }) => {
  const scene = await placedWithPartner(server, db.pool, { secret: SECRET });
  const { buyer, order } = scene;
  const etaAt = '2030-01-02T03:04:05.000Z';
  const told = [
    [{ status: 'PREPARING' }, 'PREPARING'],
    [{ status: 'SHIPPED', carrier: 'Aramex', trackingNumber: 'AX-7', etaAt: '2030-01-02T07:04:05+04:00' }, 'SHIPPED'],
    [{ status: 'IN_TRANSIT', note: 'Left Jebel Ali' }, 'SHIPPED'],
    [{ status: 'DELIVERED' }, 'DELIVERED'],
  ] as const;
  for (const [event, state] of told) {
    expect(await tell(server, scene, SECRET, event)).toEqual(applied);
    expect(await read(buyer, order)).toMatchObject({ state });
  }
  const { shipments } = await read(buyer, order);
  expect(shipments[0]).toMatchObject({ state: 'DELIVERED', carrier: 'Aramex', trackingNumber: 'AX-7', etaAt });
  expect(shipments[0]!.events.map(({ note }) => note)).toEqual([null, null, 'Left Jebel Ali', null]);
  expect(await timeline(db.pool, order)).toEqual(['PREPARING PARTNER', 'SHIPPED PARTNER', 'DELIVERED PARTNER']);
});

test('a partner tells of a courier, with an estimate', async ({ db, server }) => {
  const scene = await placedWithPartner(server, db.pool, { secret: SECRET, line: { kind: 'FOOD' } });
  const etaAt = new Date(Date.now() + 12 * 60_000).toISOString();
  expect(await tell(server, scene, SECRET, { status: 'PICKED_UP', etaAt })).toEqual(applied);
  expect((await read(scene.buyer, scene.order)).shipments[0]).toMatchObject({ state: 'SHIPPED', etaMinutes: 12 });
});

test('what is not signed by the partner just now is refused, whatever is wrong with it', async ({ db, server }) => {
  const scene = await placedWithPartner(server, db.pool, { secret: SECRET });
  const body = bodyOf(scene);
  const { handle } = scene.partner;
  const silent = await placedWithPartner(server, db.pool);
  const good = signWebhook(SECRET, nowS(), body);
  await expectNothingWritten(db.pool, async () => {
    const refused: [string, Promise<unknown>][] = [
      ['unsigned', post(server, handle, body, undefined)],
      ['signed with garbage', post(server, handle, body, 'garbage')],
      ['signed by somebody else', post(server, handle, body, signWebhook('whsec_made up', nowS(), body))],
      ['tampered with', post(server, handle, body.replace('SHIPPED', 'DELIVERED'), good)],
      ['old', post(server, handle, body, signWebhook(SECRET, nowS() - 310, body))],
      ['from the future', post(server, handle, body, signWebhook(SECRET, nowS() + 60, body))],
      ['of an unknown partner', post(server, 'nobody', body, good)],
      ['of a handle that is none', post(server, '%27%20OR%201=1', body, good)],
      ['of a partner without a secret', post(server, silent.partner.handle, body, good)],
      ['unsigned, and no event', post(server, handle, 'garbage', undefined)],
    ];
    for (const [what, answer] of refused) expect(await answer, what).toEqual(REFUSED);
  });
  expect(await post(server, handle, body, good), 'the same as it should be').toEqual(applied);
});

test('what is signed and no event is refused as such', async ({ db, server }) => {
  const scene = await placedWithPartner(server, db.pool, { secret: SECRET });
  const event = { id: 'evt', shipmentId: scene.shipmentId, status: 'SHIPPED' };
  const bodies = [
    '',
    'garbage',
    'null',
    '[]',
    '{}',
    ...[
      { id: '' },
      { id: 'x'.repeat(101) },
      { id: 'a\0b' },
      { id: 7 },
      { status: 'LOST' },
      { status: 'COOKING' },
      { shipmentId: 5 },
      { note: 'x'.repeat(301) },
      { note: '\ud800' },
      { etaAt: 'tomorrow' },
      { carrier: 'x'.repeat(61) },
    ].map((broken) => JSON.stringify({ ...event, ...broken })),
  ];
  await expectNothingWritten(db.pool, async () => {
    for (const body of bodies) {
      const { status } = await post(server, scene.partner.handle, body, signWebhook(SECRET, nowS(), body));
      expect(status, body).toBe(400);
    }
  });
  const large = JSON.stringify({ ...event, note: 'x'.repeat(300_000) });
  expect((await post(server, scene.partner.handle, large, signWebhook(SECRET, nowS(), large))).status).toBe(413);
});

test('what is too large by far is refused, and the next request on the same connection is answered', async ({
  server,
}) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const url = new URL('/webhooks/partners/somebody', server.url);
  const send = (body: string) =>
    new Promise<[status: number | undefined, isReused: boolean]>((resolve, reject) => {
      const sent = request(url, { agent, method: 'POST' }, (answer: IncomingMessage) => {
        answer.resume().once('end', () => resolve([answer.statusCode, sent.reusedSocket]));
      });
      sent.once('error', reject).end(body);
    });
  try {
    for (const isReused of [false, true, true]) expect(await send('x'.repeat(2_000_000))).toEqual([413, isReused]);
    expect(await send('{}')).toEqual([401, true]);
  } finally {
    agent.destroy();
  }
});

test('the shipments of others are not found', async ({ db, server }) => {
  const [scene, other] = [
    await placedWithPartner(server, db.pool, { secret: SECRET }),
    await placedWithPartner(server, db.pool, { secret: 'whsec_of the other' }),
  ];
  const ids = [other.shipmentId, ...wrongIds('Shipment').map(([, id]) => id)];
  await expectNothingWritten(db.pool, async () => {
    for (const shipmentId of ids) {
      expect((await tell(server, scene, SECRET, { shipmentId, status: 'SHIPPED' })).status, shipmentId).toBe(404);
    }
  });
});

test('an event that is sent 20 times at once has one effect', async ({ db, server }) => {
  const scene = await placedWithPartner(server, db.pool, { secret: SECRET });
  const body = bodyOf(scene);
  const signature = signWebhook(SECRET, nowS(), body);
  const answers = await atOnce(20, () => post(server, scene.partner.handle, body, signature));
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  expect(answers.map((answer) => answer.body.status).sort()).toEqual(['APPLIED', ...Array(19).fill('DUPLICATE')]);
  expect((await read(scene.buyer, scene.order)).shipments[0]!.events).toHaveLength(1);
  expect(await notedEvents(db.pool, scene)).toBe(1);
});

test('two partners may use the same id for an event', async ({ db, server }) => {
  const scenes = [
    await placedWithPartner(server, db.pool, { secret: SECRET }),
    await placedWithPartner(server, db.pool, { secret: SECRET }),
  ];
  for (const scene of scenes)
    expect(await tell(server, scene, SECRET, { id: 'evt_1', status: 'SHIPPED' })).toEqual(applied);
});

test('steps in any order, all at once: the shipment ends where the last step is, and nothing is said backwards', async ({
  db,
  server,
}) => {
  const order = ['PREPARING', 'SHIPPED', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED'];
  for (let round = 0; round < 5; round++) {
    const scene = await placedWithPartner(server, db.pool, { secret: SECRET });
    const shuffled = order.map((_, index) => order[(index * 3 + round) % order.length]!);
    const answers = await Promise.all(shuffled.map((status) => tell(server, scene, SECRET, { status })));
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200));
    const now = await read(scene.buyer, scene.order);
    expect(now).toMatchObject({ state: 'DELIVERED', shipments: [{ state: 'DELIVERED' }] });
    const said = now.shipments[0]!.events.map(({ status }) => order.indexOf(status));
    expect(said).toEqual([...said].sort((a, b) => a - b));
    expect(said.at(-1)).toBe(4);
  }
});

test('an older step is taken note of, and moves nothing back', async ({ db, server }) => {
  const scene = await placedWithPartner(server, db.pool, { secret: SECRET });
  await tell(server, scene, SECRET, { status: 'OUT_FOR_DELIVERY' });
  const before = await read(scene.buyer, scene.order);
  expect(await tell(server, scene, SECRET, { status: 'PREPARING' })).toEqual(ignored);
  expect(await read(scene.buyer, scene.order)).toEqual(before);
  expect(await notedEvents(db.pool, scene)).toBe(2);
});

test('what is told of an order that is over changes nothing', async ({ db, server }) => {
  const scene = await placedWithPartner(server, db.pool, { secret: SECRET });
  await cancel(server, scene.order);
  expect(await tell(server, scene, SECRET, { status: 'SHIPPED' })).toEqual(ignored);
  expect(await read(scene.buyer, scene.order)).toMatchObject({
    state: 'CANCELLED',
    shipments: [{ state: 'CANCELLED' }],
  });
});

test('while a refund is being decided the partner is asked to come again, and then heard', async ({ db, server }) => {
  const scene = await placedWithPartner(server, db.pool, { secret: SECRET });
  await force(server, scene.order, 'REFUND_REQUESTED');
  const body = bodyOf(scene);
  const send = () => post(server, scene.partner.handle, body, signWebhook(SECRET, nowS(), body));
  await expectNothingWritten(db.pool, async () => expect((await send()).status).toBe(409));
  await force(server, scene.order, 'PAID');
  expect(await send()).toEqual(applied);
});

test('a member makes a secret, uses it, and makes the next: the old one is void', async ({ db, server }) => {
  const scene = await placedWithPartner(server, db.pool);
  const rotate = async () =>
    succeed(
      await mutate<{ secret: string }>(scene.packer.api, 'rotateWebhookSecret', { merchantId: scene.partner.globalId }),
    ).secret;
  const first = await rotate();
  expect(first).toMatch(/^whsec_[\w-]{43}$/);
  expect(await tell(server, scene, first, { status: 'PREPARING' })).toEqual(applied);
  const second = await rotate();
  expect(second).not.toBe(first);
  expect(await tell(server, scene, first, { status: 'SHIPPED' })).toEqual(REFUSED);
  expect(await tell(server, scene, second, { status: 'SHIPPED' })).toEqual(applied);
});

test('nobody else makes a secret', async ({ db, server, viewer }) => {
  const scene = await placedWithPartner(server, db.pool, { secret: SECRET });
  const { keeper } = await placed(server, db.pool);
  await expectNothingWritten(db.pool, async () => {
    for (const outsider of [viewer, keeper, scene.buyer]) {
      const outcome = await mutate(outsider.api, 'rotateWebhookSecret', { merchantId: scene.partner.globalId });
      expect(outcome).toMatchObject({ __typename: 'NotFoundError', message: 'There is no such merchant.' });
    }
    for (const merchantId of [globalId('Merchant', 999_999), 'garbage']) {
      expect(await mutate(scene.packer.api, 'rotateWebhookSecret', { merchantId })).toMatchObject({
        __typename: 'NotFoundError',
      });
    }
  });
});

test('a partner sees its shipment and not the order: that is the shop’s and the buyer’s', async ({ db, server }) => {
  const scene = await placedWithPartner(server, db.pool, { secret: SECRET });
  expect(await act(scene.packer, 'ship', scene.shipmentId)).toMatchObject({
    shipment: { state: 'SHIPPED' },
    orderState: 'SHIPPED',
    order: null,
  });
  expect(await read(await signIn(server, scene.packer.handle), scene.order)).toBeNull();
});

test('a webhook is a POST', async ({ server }) => {
  const response = await fetch(new URL('/webhooks/partners/somebody', server.url));
  expect(response.status).toBe(405);
  expect((await fetch(new URL('/webhooks/partners/a/b', server.url), { method: 'POST' })).status).toBe(404);
});
