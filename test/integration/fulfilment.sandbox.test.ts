/** The sandbox of a partner: shipments move on a clock, each step once, whoever sweeps. */
import type { Pool } from 'pg';
import { pino } from 'pino';
import { expect } from 'vitest';
import { Partners } from '../../src/domains/fulfilment/partners/partners.ts';
import { createSandboxPartner } from '../../src/domains/fulfilment/partners/sandbox-partner.ts';
import { ORDER_FULFILMENT } from '../support/documents.ts';
import { testWith } from '../support/fixtures.ts';
import { query, signIn } from '../support/operations.ts';
import { type Server, type ServerOptions, startServer } from '../support/server.ts';
import { act, cancel, force, placed, read, timeline } from './support/fulfilment.ts';
import { rowOf } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { type PartnerScene, placedWithPartner } from './support/partners.ts';
import { QUIET } from './support/shared-server.ts';

const HOUR_MS = 3_600_000;
const PARCEL_STEPS = ['PREPARING', 'SHIPPED', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED'];

/** Servers that sweep when the test says so; a step takes an hour. */
const options = (stepIntervalMs = HOUR_MS): Omit<ServerOptions, 'databaseUrl'> => ({
  overrides: { ...QUIET.overrides, fulfilment: { partnerSweepIntervalMs: HOUR_MS, sandbox: { stepIntervalMs } } },
});

const test = testWith(options());

const sweep = (server: Server) => server.app.services.fulfilment.partners.sweep();

/** Lets time pass for a shipment. */
async function age(pool: Pool, { shipmentId }: PartnerScene, minutes: number): Promise<void> {
  await pool.query('UPDATE shipment SET updated_at = updated_at - make_interval(mins => $2) WHERE id = $1', [
    rowOf(shipmentId),
    minutes,
  ]);
}

async function statuses({ buyer, order }: PartnerScene): Promise<string[]> {
  return (await read(buyer, order)).shipments[0]!.events.map(({ status }) => status);
}

test('a shipment is handed over, and moves a step an hour', async ({ db, server }) => {
  const scene = await placedWithPartner(server, db.pool);
  await sweep(server);
  await sweep(server);
  expect(await statuses(scene), 'not before its time').toEqual([]);
  const { rows } = await db.pool.query('SELECT partner_id FROM shipment WHERE id = $1', [rowOf(scene.shipmentId)]);
  expect(rows[0].partner_id).toBe(`sandbox:${rowOf(scene.shipmentId)}`);
  const states: string[] = [];
  for (let step = 1; step <= PARCEL_STEPS.length; step++) {
    await age(db.pool, scene, 59);
    await sweep(server);
    expect((await statuses(scene)).length, 'a minute is left').toBe(step - 1);
    await age(db.pool, scene, 1);
    await sweep(server);
    await sweep(server);
    expect(await statuses(scene)).toEqual(PARCEL_STEPS.slice(0, step));
    states.push((await read(scene.buyer, scene.order)).state);
  }
  expect(states).toEqual(['PREPARING', 'SHIPPED', 'SHIPPED', 'SHIPPED', 'DELIVERED']);
  expect((await read(scene.buyer, scene.order)).shipments[0]).toMatchObject({
    state: 'DELIVERED',
    carrier: 'Sandbox Express',
    trackingNumber: `SBX-${rowOf(scene.shipmentId)}`,
  });
  expect(await timeline(db.pool, scene.order)).toEqual(['PREPARING PARTNER', 'SHIPPED PARTNER', 'DELIVERED PARTNER']);
});

test('a courier takes its own steps, with an estimate in minutes that goes down', async ({ db, server }) => {
  const scene = await placedWithPartner(server, db.pool, { line: { kind: 'FOOD' } });
  const estimates: (number | null)[] = [];
  for (let step = 0; step <= 5; step++) {
    await age(db.pool, scene, 60);
    await sweep(server);
    estimates.push((await read(scene.buyer, scene.order)).shipments[0]!.etaMinutes);
  }
  expect(await statuses(scene)).toEqual(['ACCEPTED', 'COOKING', 'PICKED_UP', 'NEARBY', 'DELIVERED']);
  expect(estimates).toEqual([300, 240, 180, 120, 60, null]);
});

test('two servers that sweep at once take each step once, and a third goes on', async ({ db, server }) => {
  const other = await startServer({ ...options(0), databaseUrl: db.url });
  const third = await startServer({ ...options(0), databaseUrl: db.url });
  const scenes = await Promise.all(Array.from({ length: 6 }, () => placedWithPartner(other, db.pool)));
  try {
    for (let round = 0; round < 3; round++) {
      await Promise.all([other, third, other, third].map((each) => sweep(each)));
      for (const scene of scenes) {
        const said = await statuses(scene);
        expect(said).toEqual(PARCEL_STEPS.slice(0, said.length));
      }
    }
  } finally {
    await Promise.all([other.close(), third.close()]);
  }
  const restarted = await startServer({ ...options(0), databaseUrl: db.url });
  try {
    for (let round = 0; round <= PARCEL_STEPS.length; round++) await atOnce(2, () => sweep(restarted));
  } finally {
    await restarted.close();
  }
  for (const { buyer, order } of scenes) {
    const now = await query<{ node: { state: string; shipments: { events: { status: string }[] }[] } }>(
      (await signIn(server, buyer.handle)).api,
      ORDER_FULFILMENT,
      { id: order.globalId },
    );
    expect(now.node.state).toBe('DELIVERED');
    expect(now.node.shipments[0]!.events.map(({ status }) => status)).toEqual(PARCEL_STEPS);
    expect(await timeline(db.pool, order)).toEqual(['PREPARING PARTNER', 'SHIPPED PARTNER', 'DELIVERED PARTNER']);
  }
});

test('it goes on where somebody has moved a shipment by hand', async ({ db, server }) => {
  const scene = await placedWithPartner(server, db.pool);
  await sweep(server);
  await act(scene.packer, 'ship', scene.shipmentId);
  await age(db.pool, scene, 60);
  await sweep(server);
  expect(await statuses(scene)).toEqual(['SHIPPED', 'IN_TRANSIT']);
});

test('it moves nothing of merchants themselves, nor of partners who tell by themselves', async ({ db, server }) => {
  const own = await placed(server, db.pool);
  const telling = await placedWithPartner(server, db.pool, { secret: 'whsec_of the partner' });
  await db.pool.query("UPDATE shipment SET updated_at = updated_at - interval '1 day'");
  for (let round = 0; round < 3; round++) await sweep(server);
  for (const { buyer, order } of [own, telling]) {
    expect(await read(buyer, order)).toMatchObject({ state: 'PAID', shipments: [{ state: 'PENDING', events: [] }] });
  }
});

test('it leaves an order alone that is cancelled or contested, and the next ones get their turn', async ({
  db,
  server,
}) => {
  const [cancelled, contested, other] = [
    await placedWithPartner(server, db.pool),
    await placedWithPartner(server, db.pool),
    await placedWithPartner(server, db.pool),
  ];
  await sweep(server);
  await cancel(server, cancelled.order);
  await force(server, contested.order, 'REFUND_REQUESTED');
  for (const scene of [cancelled, contested, other]) await age(db.pool, scene, 60);
  await sweep(server);
  expect([await statuses(cancelled), await statuses(contested), await statuses(other)]).toEqual([
    [],
    [],
    ['PREPARING'],
  ]);
  await force(server, contested.order, 'PAID');
  await sweep(server);
  expect(await statuses(contested)).toEqual(['PREPARING']);
});

test('it sweeps by itself, and ends with the server', async ({ db, server }) => {
  const scene = await placedWithPartner(server, db.pool);
  const overrides = { fulfilment: { partnerSweepIntervalMs: 5, sandbox: { stepIntervalMs: 0 } } };
  const sweeping = await startServer({ databaseUrl: db.url, overrides });
  await expect.poll(() => read(scene.buyer, scene.order)).toMatchObject({ state: 'DELIVERED' });
  await sweeping.close();
  expect(await statuses(scene)).toEqual(PARCEL_STEPS);
});

test('a partner that fails at one shipment does not hold the others up, and is asked again', async ({ db, server }) => {
  const [bad, good] = [await placedWithPartner(server, db.pool), await placedWithPartner(server, db.pool)];
  const sandbox = createSandboxPartner({ stepIntervalMs: 0 });
  let isDown = true;
  const asked: string[] = [];
  const partner: typeof sandbox = {
    createShipment: async (shipment) => {
      asked.push(String(shipment.shipmentId));
      if (isDown && String(shipment.shipmentId) === rowOf(bad.shipmentId)) throw new Error('the partner is down');
      return sandbox.createShipment(shipment);
    },
    nextStep: sandbox.nextStep,
  };
  const announced: bigint[] = [];
  const news = { announce: (orders: readonly { id: bigint }[]) => void announced.push(...orders.map(({ id }) => id)) };
  const partners = new Partners({ db: server.app.services.db, news, log: pino({ level: 'silent' }), partner });
  for (let round = 0; round < 2; round++) await partners.sweep();
  expect([await statuses(bad), await statuses(good)]).toEqual([[], ['PREPARING']]);
  isDown = false;
  for (let round = 0; round < 2; round++) await partners.sweep();
  expect(await statuses(bad)).toEqual(['PREPARING']);
  expect(asked.filter((id) => id === rowOf(bad.shipmentId))).toHaveLength(3);
  expect(
    asked.filter((id) => id === rowOf(good.shipmentId)),
    'handed over once',
  ).toHaveLength(1);
  expect(new Set(announced)).toEqual(new Set([bad.order.id, good.order.id]));
});
