/** One database and one server process for the cases of a client; the process is killed and started again on its port. */
import { randomUUID } from 'node:crypto';
import { test as base } from 'vitest';
import type { Session } from '../../../examples/clients/session.ts';
import { nowS, SECRET, signToken } from '../../integration/support/tokens.ts';
import { type HttpClient, httpClient } from '../../support/client.ts';
import { cloneDatabase } from '../../support/database.ts';
import {
  type Actor,
  buyCoins,
  freshHandle,
  giftId,
  mutate,
  query,
  type SendGiftSuccess,
  startStream,
  succeed,
} from '../../support/operations.ts';
import { freePort } from '../../support/redis.ts';
import { type ServerProcess, startServerProcess } from '../../support/server-process.ts';

/** The `sub` of the platform's operator. */
const OPERATOR = 'the operator of the client matrix';
/** Gifts are for adults, and the provider knows. */
const BIRTHDATE = '1990-01-01';
/** The load: a gift about so often, from before the first cut until after the last. */
const GIFT_INTERVAL_MS = 15;
const COINS = 6_000;

/** The server, wherever its process is in its life. */
export type World = {
  url: string;
  /** SIGTERM, and once it is gone another one in its place. */
  restart(): Promise<void>;
  /** SIGKILL, and another one in its place. */
  killAndRestart(): Promise<void>;
  /** Signs in as the identity provider would. */
  person(coins?: number): Promise<Actor & { sub: string }>;
  /** Bans somebody everywhere: the server closes their connections with 1013. */
  ban(viewerId: string): Promise<void>;
};

async function startWorld(databaseUrl: string): Promise<World & { stop(): Promise<unknown> }> {
  const port = await freePort();
  const env = { JWT_SECRET: SECRET, OPERATORS: OPERATOR };
  const start = () => startServerProcess({ databaseUrl, port, env });
  let server: ServerProcess = await start();
  const person = async (coins = 0, sub = freshHandle('sub')) => {
    const token = await signToken({ sub, birthdate: BIRTHDATE });
    const api = httpClient(server.url, token);
    type Me = { me: { id: string; handle: string } };
    const { me } = await query<Me>(api, '{ me { id handle } }');
    const actor = { ...me, token, api, sub };
    if (coins > 0) succeed(await buyCoins(actor, { coins }));
    return actor;
  };
  return {
    url: server.url,
    restart: async () => {
      await server.stop();
      server = await start();
    },
    killAndRestart: async () => {
      await server.kill();
      server = await start();
    },
    person,
    ban: async (viewerId) => {
      const operator = await person(0, OPERATOR);
      succeed(await mutate(operator.api, 'banViewer', { viewerId, reason: 'to see the connection close' }));
    },
    stop: () => server.stop(),
  };
}

/** `world`: the file's own server. `live`: a stream with a gift to send, new for each test. */
export const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from here.
  .extend('db', { scope: 'file' }, async ({}, { onCleanup }) => {
    const db = await cloneDatabase();
    onCleanup(() => db.drop());
    return db;
  })
  .extend('world', { scope: 'file' }, async ({ db }, { onCleanup }): Promise<World> => {
    const { stop, ...world } = await startWorld(db.url);
    onCleanup(async () => void (await stop()));
    return world;
  })
  .extend('live', async ({ world }) => {
    const creator = await world.person();
    return { creator, streamId: (await startStream(creator)).id, giftId: await giftId(creator.api, 'Rose') };
  });

/** A session whose tokens last for so many seconds; `subject` may change, as when somebody else signs in. */
export function sessionOf(sub: string, lastsS = 600): Session & { sub: string; fetched: number; expiries: number } {
  const session = {
    sub,
    fetched: 0,
    expiries: 0,
    token: () => {
      session.fetched++;
      return signToken({ sub: session.sub, birthdate: BIRTHDATE, exp: nowS() + lastsS });
    },
    expired: () => {
      session.expiries++;
    },
  };
  return session;
}

/** Gifts that are sent all along, whether or not there is a server. */
export type Gifts = { sent: number[]; stop(): Promise<void> };

/** Sends gifts one after the other until it is told to stop. Each is sent again with its key until it is answered. */
export async function shower(world: World, { streamId, giftId }: { streamId: string; giftId: string }): Promise<Gifts> {
  const sender = await world.person(COINS);
  const sent: number[] = [];
  let isOver = false;
  const run = async () => {
    while (!isOver) {
      const input = { streamId, giftId, quantity: 1, idempotencyKey: randomUUID() };
      sent.push(await sendUntilAnswered(sender.api, input));
      await new Promise((resolve) => setTimeout(resolve, GIFT_INTERVAL_MS));
    }
  };
  const running = run();
  const stop = async () => {
    isOver = true;
    await running;
  };
  return { sent, stop };
}

async function sendUntilAnswered(api: HttpClient, input: Record<string, unknown>): Promise<number> {
  for (;;) {
    const outcome = await mutate<SendGiftSuccess>(api, 'sendGift', input).catch((error: unknown) => {
      if (!(error instanceof TypeError)) throw error; // what fetch throws where nobody answers
    });
    if (outcome) return succeed(outcome).giftSent.seq;
    await new Promise((resolve) => setTimeout(resolve, GIFT_INTERVAL_MS));
  }
}
