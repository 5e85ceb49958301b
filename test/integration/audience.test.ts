/** The simulated audience against a running server: it fills the streams, keeps away from what is not its own, and goes when it is told to. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, vi } from 'vitest';
import { startAudience } from '../../src/app/audience/audience.ts';
import { ROOMS, script } from '../../src/app/audience/script.ts';
import { NO_RATE_LIMITS } from '../support/app.ts';
import { closed } from '../support/exit.ts';
import { within } from '../support/feed.ts';
import { readMetrics, sample } from '../support/metrics.ts';
import { endStream, mutate, query, sendGift, signIn, succeed } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { readEvents } from './support/log.ts';
import { testOn } from './support/shared-server.ts';

const SEED = 20;
/** More than the global ids of goals stay in alphabetical order: the id of the fourth comes before that of the third. */
const GOALS_IN_A_ROW = 8;
const LIVELY = { seed: SEED, viewers: 16, rate: 40, lookIntervalMs: 200, offAirMsMax: 300 };
/** A play goes by the clock, and on a busy machine much of it is left out: what it is to show may take a while. */
const PLAY_MS_MAX = 90_000;
/** The creators have a battle with each other in the second minute: a visitor may have to wait for its end. */
const BATTLE_MS_MAX = 150_000;
vi.setConfig({ testTimeout: PLAY_MS_MAX + BATTLE_MS_MAX });
/** What an audience may have under way: so many gifts may be in the log that it does not know of yet. */
const UNDER_WAY_MAX = 24;
/** More of the script than any test plays. */
const PLANNED_MS = 600_000;
const MAIN = fileURLToPath(new URL('../../examples/simulate/main.ts', import.meta.url));

const test = testOn({ config: { simulate: true }, overrides: { audience: LIVELY } });
const testQuiet = testOn({});

type Found = { creator: { id: string; currentStream: { id: string } | null } };
const FIND = 'query Find($handle: String!) { creator(handle: $handle) { id currentStream { id } } }';

describe('a demo with an audience', () => {
  test('is full of life: chat, gifts, reactions performed, orders', async ({ server, viewer }) => {
    const rooms = await Promise.all(
      ROOMS.map(async ({ handle }) => (await query<Found>(viewer.api, FIND, { handle })).creator.currentStream!.id),
    );
    const seen = async () => {
      const events = (await Promise.all(rooms.map((id) => readEvents(viewer, id)))).flat();
      return events.map((event) => ({ ...event, what: (event.streak as number) > 1 ? 'a streak' : event.__typename }));
    };
    await expect
      .poll(async () => [...new Set((await seen()).map(({ what }) => what))], { timeout: PLAY_MS_MAX })
      .toEqual(
        expect.arrayContaining([
          'GiftSent',
          'a streak',
          'ChatMessage',
          'ReactionQueued',
          'ReactionPerformed',
          'GoalStarted',
          'ProductPurchased',
        ]),
      );
    const gifts = (await seen()).filter(({ __typename }) => __typename === 'GiftSent');

    // Who gives what is in the script of this seed, and nowhere else.
    const planned = new Set<string>();
    for (const cue of script({ seed: SEED, viewers: LIVELY.viewers, rate: LIVELY.rate })) {
      if (cue.atMs > PLANNED_MS) break;
      if (cue.kind === 'gift') planned.add(`${cue.who.handle} ${cue.gift}`);
    }
    for (const event of gifts) {
      const { sender, gift } = event as unknown as { sender: { handle: string }; gift: { name: string } };
      expect(planned).toContain(`${sender.handle} ${gift.name}`);
    }
    const { data } = await server
      .http()
      .request<{ liveStreams: { edges: unknown[] } }>('{ liveStreams { edges { node { id } } } }');
    expect(data!.liveStreams.edges).toHaveLength(2);
  });

  test('leaves layla, omar and sara as they are', async ({ server }) => {
    const HISTORY =
      '{ me { wallet { coins history(first: 5) { edges { node { kind } } } } orders(first: 1) { totalCount } } }';
    for (const handle of ['layla', 'omar', 'sara']) {
      const { api } = await signIn(server, handle);
      expect(await query(api, HISTORY)).toEqual({
        me: {
          wallet: { coins: 10_000, history: { edges: [{ node: { kind: 'DEMO_GRANT' } }] } },
          orders: { totalCount: 0 },
        },
      });
    }
  });

  test('never signs in as the operator', async ({ db }) => {
    const { rows } = await db.pool.query(`SELECT handle FROM viewer WHERE handle = 'operator'`);
    expect(rows).toEqual([]);
  });
});

describe('the creators of a demo with an audience', () => {
  test('accept the battle that a visitor offers', async ({ server, live }) => {
    const { creator } = await query<Found>(live.creator.api, FIND, { handle: 'souq' });
    await expect
      .poll(
        async () => {
          // Refused while souq is in another battle, and as good as repeated while the invitation stands.
          await mutate(live.creator.api, 'inviteToBattle', {
            streamId: live.streamId,
            opponentStreamId: creator.currentStream!.id,
            durationSeconds: 30,
          });
          const BATTLE = 'query Battle($id: ID!) { liveStream(id: $id) { battle { state } } }';
          return query(server.http(), BATTLE, { id: live.streamId });
        },
        { timeout: BATTLE_MS_MAX },
      )
      .toEqual({ liveStream: { battle: { state: 'RUNNING' } } });
  });

  test('go on air again when somebody has ended the stream', async ({ server }) => {
    const pinkydoll = await signIn(server, 'pinkydoll');
    const before = (await query<Found>(pinkydoll.api, FIND, { handle: 'pinkydoll' })).creator.currentStream!.id;
    succeed(await endStream(pinkydoll, before));
    const now = async () =>
      (await query<Found>(pinkydoll.api, FIND, { handle: 'pinkydoll' })).creator.currentStream?.id;
    const isAnother = (id: string | undefined) => id !== undefined && id !== before;
    await expect.poll(async () => isAnother(await now()), { timeout: PLAY_MS_MAX }).toBe(true);
    const streamId = (await now())!;
    await expect
      .poll(async () => (await readEvents(pinkydoll, streamId)).map(({ __typename }) => __typename), {
        timeout: PLAY_MS_MAX,
      })
      .toContain('GiftSent');
  });

  test('start a goal after each that is over, however many there were', async ({ server }) => {
    const pinkydoll = await signIn(server, 'pinkydoll');
    const GOALS = 'query Goals($handle: String!) { creator(handle: $handle) { currentStream { goals { id state } } } }';
    type Goals = { creator: { currentStream: { goals: { id: string; state: string }[] } | null } };
    const open = async () => {
      const { creator } = await query<Goals>(pinkydoll.api, GOALS, { handle: 'pinkydoll' });
      return creator.currentStream?.goals.find(({ state }) => state === 'OPEN')?.id;
    };
    for (let over = 0; over < GOALS_IN_A_ROW; over++) {
      await expect.poll(open, { timeout: PLAY_MS_MAX }).toBeDefined();
      const goalId = await open();
      // A gift may reach it before we end it: then it is over, too.
      if (goalId) await mutate(pinkydoll.api, 'endGoal', { goalId });
    }
    await expect.poll(open, { timeout: PLAY_MS_MAX }).toBeDefined();
  });

  test('have in stock again what is sold out', async ({ server }) => {
    const souq = await signIn(server, 'souq');
    const STOCK =
      '{ me { merchants { warehouses { id } products(first: 1) { edges { node { variants { sku available } } } } } } }';
    type Variants = { variants: { sku: string; available: number }[] };
    type Stock = {
      me: { merchants: { warehouses: { id: string }[]; products: { edges: { node: Variants }[] } }[] };
    };
    const look = async () => {
      const [merchant] = (await query<Stock>(souq.api, STOCK)).me.merchants;
      return { warehouseId: merchant!.warehouses[0]!.id, ...merchant!.products.edges[0]!.node.variants[0]! };
    };
    const { warehouseId, sku } = await look();
    // Refused while somebody is just paying for one.
    await expect
      .poll(() => mutate<{ stock: { onHand: number } }>(souq.api, 'setStock', { warehouseId, sku, onHand: 0 }))
      .toMatchObject({ __typename: 'SetStockSuccess', stock: { onHand: 0 } });
    await expect.poll(async () => (await look()).available, { timeout: PLAY_MS_MAX }).toBeGreaterThan(0);
  });

  test('go with the server, without an error', async ({ db }) => {
    const server = await startServer({
      databaseUrl: db.url,
      config: { simulate: true },
      overrides: { audience: LIVELY },
    });
    await within('the drain', server.app.close(), PLAY_MS_MAX);
  });
});

describe('a server without one', () => {
  testQuiet('is silent', async ({ server, db, live, funded }) => {
    succeed(await sendGift(funded, live.streamId));
    const { creator } = await query<Found>(funded.api, FIND, { handle: 'pinkydoll' });
    expect((await readEvents(funded, creator.currentStream!.id)).map(({ __typename }) => __typename)).toEqual([
      'StreamStarted',
    ]);
    const { rows } = await db.pool.query<{ handle: string }>(
      `SELECT handle FROM viewer WHERE handle IN ('noura.k', 'mia_rose')`,
    );
    expect(rows).toEqual([]);
    expect(server.url).toContain('/graphql');
  });

  testQuiet('nothing is sent any more once it has stopped', async ({ server, viewer }) => {
    const { creator } = await query<Found>(viewer.api, FIND, { handle: 'pinkydoll' });
    // What ends by itself, such as a streak, is told by the server.
    const said = async () => {
      const events = await readEvents(viewer, creator.currentStream!.id);
      return events.filter(({ __typename }) => ['GiftSent', 'ChatMessage'].includes(__typename));
    };
    const audience = startAudience({ ...LIVELY, url: new URL(server.url).origin, log: { warn: () => undefined } });
    await expect.poll(async () => (await said()).length, { timeout: PLAY_MS_MAX }).toBeGreaterThan(3);
    await audience.stop();
    // What was sent before it stopped may still be answered; who asks for the metrics is one, too.
    const answering = async () => sample(await readMetrics(server.url), 'hadiya_http_requests_in_flight');
    await expect.poll(answering, { timeout: PLAY_MS_MAX }).toBe(1);
    const sent: string[] = [];
    const unlisten = server.app.onSql((text) => sent.push(String(text)));
    const events = await said();
    expect(audience.counts().viewers).toBe(0);
    expect(await said()).toEqual(events);
    unlisten();
    expect(sent.filter((text) => text.includes('gifts.sendBatch') || text.includes('streams.chat'))).toEqual([]);
  });

  testQuiet('somebody who is banned goes, and the play goes on', async ({ server }) => {
    const pinkydoll = await signIn(server, 'pinkydoll');
    const warned: object[] = [];
    const audience = startAudience({
      ...LIVELY,
      viewers: 3,
      url: new URL(server.url).origin,
      log: { warn: (fields) => warned.push(fields) },
    });
    try {
      const { creator } = await query<Found>(pinkydoll.api, FIND, { handle: 'pinkydoll' });
      const all = script({ ...LIVELY, viewers: 3 });
      const here = Array.from({ length: 3 }, () => all.next().value).filter(({ room }) => room === 'pinkydoll');
      await expect.poll(() => audience.counts().viewers, { timeout: PLAY_MS_MAX }).toBe(3);
      for (const { who } of here) {
        const { id } = await signIn(server, who.handle);
        succeed(await mutate(pinkydoll.api, 'banViewer', { creatorId: creator.id, viewerId: id, seconds: 600 }));
      }
      expect(here.length).toBeGreaterThan(0);
      await expect.poll(() => audience.counts().refused, { timeout: PLAY_MS_MAX }).toBeGreaterThan(0);
      await expect.poll(() => audience.counts().viewers, { timeout: PLAY_MS_MAX }).toBeLessThan(3);
      expect(JSON.stringify(warned[0])).toContain('BANNED');
    } finally {
      await audience.stop();
    }
  });
});

describe('a server that refuses', () => {
  testQuiet('is not hammered, and its limits hold for the audience, too', async ({ db }) => {
    const server = await startServer({
      databaseUrl: db.url,
      config: { rateLimits: { ...NO_RATE_LIMITS, viewer: 4, money: 2, loopback: true } },
    });
    const audience = startAudience({ ...LIVELY, url: new URL(server.url).origin, log: { warn: () => undefined } });
    await expect.poll(() => audience.counts().refused, { timeout: PLAY_MS_MAX }).toBeGreaterThan(0);
    await audience.stop();
    // One refusal is enough to keep everybody quiet: what else was refused was under way with it.
    expect(audience.counts().refused).toBeLessThan(30);
    await server.close();
  });

  testQuiet('is asked again later and later', async () => {
    const askedAtMs: number[] = [];
    let heard: (() => void) | undefined;
    const server = createServer((_req, res) => {
      askedAtMs.push(performance.now());
      heard?.();
      res.writeHead(503, { 'content-type': 'application/json' });
      res.end(JSON.stringify({ errors: [{ message: 'no', extensions: { code: 'UNAVAILABLE', retryAfterMs: 100 } }] }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const warned: string[] = [];
    const audience = startAudience({
      ...LIVELY,
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      log: { warn: (_fields, message) => warned.push(message) },
    });
    await within(
      'the third call',
      new Promise<void>((resolve) => {
        heard = () => askedAtMs.length === 3 && resolve();
      }),
      PLAY_MS_MAX,
    );
    await audience.stop();
    const [first, second, third] = askedAtMs as [number, number, number];
    expect(second - first).toBeGreaterThan(950);
    expect(third - second).toBeGreaterThan(1_950);
    expect(warned, 'told once, not three times').toHaveLength(1);
    server.closeAllConnections();
    server.close();
  });
});

describe('npm run simulate', () => {
  function simulate(args: string[]) {
    const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    return { child, ended: closed(child).then(({ code }) => ({ code, output })) };
  }

  testQuiet('says what it can', async () => {
    const [help, wrong, unknown] = await Promise.all(
      [['--help'], ['--viewers', '0'], ['--loud']].map((args) => simulate(args).ended),
    );
    expect(help).toMatchObject({ code: 0, output: expect.stringContaining('--viewers') });
    expect(wrong).toMatchObject({ code: 1, output: expect.stringContaining('1 to 80') });
    expect(unknown).toMatchObject({ code: 1, output: expect.stringContaining('--help') });
  });

  testQuiet('plays until it is told to end, and sums up', async ({ server, viewer }) => {
    const { child, ended } = simulate(['--url', server.url, '--viewers', '4', '--rate', '20', '--seed', '4']);
    const rooms = await Promise.all(
      ROOMS.map(async ({ handle }) => (await query<Found>(viewer.api, FIND, { handle })).creator.currentStream!.id),
    );
    const gifts = async () => {
      const events = (await Promise.all(rooms.map((id) => readEvents(viewer, id)))).flat();
      return events.filter(({ __typename }) => __typename === 'GiftSent').length;
    };
    const before = await gifts();
    await expect.poll(gifts, { timeout: 2 * PLAY_MS_MAX }).toBeGreaterThan(before + UNDER_WAY_MAX);
    child.kill('SIGINT');
    const { code, output } = await ended;
    expect(code).toBe(0);
    // The last line: there is one every few seconds, the first before anything has happened on a slow machine.
    expect(Number([...output.matchAll(/gifts (\d+)/g)].at(-1)?.[1])).toBeGreaterThan(0);
  });

  testQuiet('ends by itself after as long as it is told', async ({ server }) => {
    expect(await simulate(['--url', server.url, '--viewers', '1', '--for', '1']).ended).toMatchObject({
      code: 0,
      output: expect.stringMatching(/ s {2}viewers \d/),
    });
  });
});
