/** What tests ask for by name: a database, a server on it, people and a live stream. Each builds on the one before. */
import { test as base } from 'vitest';
import { cloneDatabase } from './database.ts';
import { type Actor, buyCoins, freshHandle, signIn, startStream, succeed } from './operations.ts';
import { type ServerOptions, startServer } from './server.ts';

/** The coins that the `funded` viewer has at least. */
export const FUNDED_COINS = 1_000;

/** A stream that is live, and who streams. */
export type Live = { creator: Actor; streamId: string };

/**
 * The test function of integration tests.
 * - `db`: a database of its own
 * - `serverOptions`: of a whole file by `testWith`, of a part by `test.override('serverOptions', { redis: true })` in its `describe`
 * - `server`: a server on `db`
 * - `viewer`: somebody new, signed in
 * - `funded`: the same viewer, with coins
 * - `live`: a new creator who is live
 */
export const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from here.
  .extend('db', async ({}, { onCleanup }) => {
    const db = await cloneDatabase();
    onCleanup(() => db.drop());
    return db;
  })
  .extend('serverOptions', {} as Omit<ServerOptions, 'databaseUrl'>)
  .extend('server', async ({ db, serverOptions }, { onCleanup }) => {
    const server = await startServer({ ...serverOptions, databaseUrl: db.url });
    onCleanup(() => server.close());
    return server;
  })
  .extend('viewer', ({ server }) => signIn(server))
  .extend('funded', async ({ viewer }) => {
    succeed(await buyCoins(viewer, { coins: FUNDED_COINS }));
    return viewer;
  })
  .extend('live', async ({ server }): Promise<Live> => {
    const creator = await signIn(server, freshHandle('creator'));
    return { creator, streamId: (await startStream(creator)).id };
  });

/** The same for a file whose servers have other options. Not `override`, which would hold for the files after it, too. */
export function testWith(serverOptions: Omit<ServerOptions, 'databaseUrl'>) {
  return test.extend('serverOptions', serverOptions);
}
