/** Boxes open and close at their times, exactly once, whichever server is there. */
import { expect } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import { type Actor, endStream, type LiveEvent, query, signIn, succeed } from '../support/operations.ts';
import { type Server, startServer } from '../support/server.ts';
import { claimBox, fundBox, reachEnd, reachOpening } from './support/boxes.ts';
import { rowOf } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { atOnce } from './support/outcomes.ts';
import { QUIET, testOn } from './support/shared-server.ts';

const BUSY = { overrides: { ...QUIET.overrides, community: { boxes: { sweepIntervalMs: 20 } } } };

/** Two servers whose sweeps meet at every box. */
const test = testOn(BUSY).extend('other', { scope: 'file' }, async ({ db }, { onCleanup }): Promise<Server> => {
  const other = await startServer({ ...BUSY, databaseUrl: db.url });
  onCleanup(() => other.close());
  return other;
});

const coinsOf = async (viewer: Actor): Promise<number> =>
  (await query<{ me: { wallet: { coins: number } } }>(viewer.api, '{ me { wallet { coins } } }')).me.wallet.coins;

/** The events of boxes in a log, once there is one of this type. */
async function boxEventsWith(viewer: Actor, streamId: string, type: string): Promise<LiveEvent[]> {
  const read = async () => (await readEvents(viewer, streamId)).filter((event) => event.type.startsWith('BOX_'));
  await expect.poll(async () => (await read()).map((event) => event.type), { timeout: 10_000 }).toContain(type);
  return read();
}

test('a box opens at its time and closes at its end; what nobody had goes back once', async ({
  db,
  server,
  other,
  funded,
  live,
}) => {
  expect(other.url).toBeTruthy();
  const before = await coinsOf(funded);
  const { box } = succeed(await fundBox(funded, live.streamId, { coins: 103 }));
  await reachOpening(db.pool, box.id);
  expect(await boxEventsWith(funded, live.streamId, 'BOX_OPENED')).toMatchObject([
    { type: 'BOX_FUNDED' },
    { type: 'BOX_OPENED', boxId: box.id },
  ]);
  succeed(await claimBox(await signIn(server), box.id));
  await reachEnd(db.pool, box.id);
  const events = await boxEventsWith(funded, live.streamId, 'BOX_CLOSED');
  expect(events.slice(2)).toMatchObject([
    { type: 'BOX_CLAIMED', remaining: 9 },
    { type: 'BOX_CLOSED', boxId: box.id, endReason: 'EXPIRED', claimed: 1, returnedCoins: 93 },
  ]);
  expect(await coinsOf(funded)).toBe(before - 10);
  const document = 'query Box($id: ID!) { treasureBox(id: $id) { state closedAt returnedCoins } }';
  expect(await query(funded.api, document, { id: box.id })).toMatchObject({
    treasureBox: { state: 'CLOSED', closedAt: expect.any(String), returnedCoins: 93 },
  });
  await expectBooksBalanced(db.pool);
});

test('a box that is empty closes at once, and the remainder of the division goes back', async ({
  db,
  server,
  funded,
  live,
}) => {
  const before = await coinsOf(funded);
  const { box } = succeed(await fundBox(funded, live.streamId, { coins: 8, shares: 3 }));
  await reachOpening(db.pool, box.id);
  const viewers = await atOnce(4, () => signIn(server));
  await Promise.all(viewers.map((viewer) => claimBox(viewer, box.id)));
  const closed = (await boxEventsWith(funded, live.streamId, 'BOX_CLOSED')).at(-1);
  expect(closed).toMatchObject({ endReason: 'EMPTY', claimed: 3, returnedCoins: 2 });
  expect(await coinsOf(funded)).toBe(before - 6);
  const late = await signIn(server);
  expect(await claimBox(late, box.id)).toMatchObject({ code: 'BOX_EMPTY' });
});

test('a box whose whole time passed without a server is closed, and all of it goes back', async ({
  db,
  funded,
  live,
}) => {
  const before = await coinsOf(funded);
  const { box } = succeed(await fundBox(funded, live.streamId));
  await reachEnd(db.pool, box.id);
  expect(await boxEventsWith(funded, live.streamId, 'BOX_CLOSED')).toMatchObject([
    { type: 'BOX_FUNDED' },
    { type: 'BOX_CLOSED', endReason: 'EXPIRED', claimed: 0, returnedCoins: 100 },
  ]);
  expect(await coinsOf(funded)).toBe(before);
});

test('boxes of many streams close in one sweep, also while the streams end and their boxes are claimed', async ({
  db,
  server,
  other,
  funded,
  live,
}) => {
  const before = await coinsOf(funded);
  const { box } = succeed(await fundBox(funded, live.streamId, { coins: 10, shares: 5 }));
  const viewers = await atOnce(10, (n) => signIn(n % 2 ? server : other));
  await reachOpening(db.pool, box.id);
  await Promise.all([
    ...viewers.map((viewer) => claimBox(viewer, box.id)),
    reachEnd(db.pool, box.id),
    endStream(live.creator, live.streamId),
  ]);
  const events = await boxEventsWith(funded, live.streamId, 'BOX_CLOSED');
  const closed = events.filter(({ type }) => type === 'BOX_CLOSED');
  expect(closed).toHaveLength(1);
  expect(await coinsOf(funded)).toBe(before - 2 * (closed[0]!.claimed as number));
  const { rows } = await db.pool.query('SELECT count(*)::int AS claims FROM box_claim WHERE box_id = $1', [
    rowOf(box.id),
  ]);
  expect(rows[0].claims).toBe(closed[0]!.claimed);
  await expectBooksBalanced(db.pool);
});
