/** Two creators on air who may compete, on a server on which battles do not tell of scores by themselves. */
import { type Actor, buyCoins, signIn, startStream, succeed } from '../../support/operations.ts';
import { accept, type Battle, invite } from './battles.ts';
import { QUIET, testOn } from './shared-server.ts';

const HOUR_MS = 3_600_000;

/** Rules that leave it to the test when something is due. */
export const UNHURRIED = { scoredEveryMs: HOUR_MS, inviteMs: HOUR_MS, extensionMs: HOUR_MS };

/** A creator's stream. */
export type Side = { creator: Actor; streamId: string };

/** The usual fixtures, and `rival`: another creator who is live; `guest`: nobody signed in; `fan` and `foe`: two with many coins. */
export const test = testOn({
  overrides: {
    ...QUIET.overrides,
    community: { ...QUIET.overrides.community, battles: { ...UNHURRIED, sweepIntervalMs: 20 } },
  },
})
  .extend('rival', ({ server }) => goLive(server))
  .extend('guest', ({ server }) => ({ api: server.http() }))
  .extend('fan', ({ server }) => rich(server))
  .extend('foe', ({ server }) => rich(server));

/** Somebody new who is live. */
export async function goLive(server: { url: string }): Promise<Side> {
  const creator = await signIn(server);
  return { creator, streamId: (await startStream(creator)).id };
}

/** Somebody new with 5,000 coins at least. */
export async function rich(server: { url: string }): Promise<Actor> {
  const viewer = await signIn(server);
  succeed(await buyCoins(viewer, { coins: 5_000 }));
  return viewer;
}

/** Invites and accepts. */
export async function fight(one: Side, other: Side, durationSeconds = 120): Promise<Battle> {
  const { battle } = succeed(await invite(one.creator, one.streamId, other.streamId, durationSeconds));
  return succeed(await accept(other.creator, battle.id)).battle;
}
