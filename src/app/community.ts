import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { Boxes, type BoxesOptions } from '../domains/boxes/boxes.service.ts';
import { Leaderboards, type LeaderboardsOptions } from '../domains/leaderboards/leaderboards.service.ts';
import type { StreamEnding, WatchHook } from '../domains/streams/streams.api.ts';
import type { Wallets } from '../domains/wallet/wallet.api.ts';
import type { Bus } from '../live/bus.ts';
import type { Live } from '../live/live.ts';

/** What the domains around creators and viewers' trust are built from. */
export type CommunityDeps = {
  db: Database;
  live: Live;
  bus: Bus;
  wallets: Wallets;
  log: Logger;
  /** What ends with a stream: each domain adds its own, in the lock order. */
  endings: StreamEnding[];
  /** Who hears of watchers, and may refuse them: each domain adds its own. */
  watchHooks: WatchHook[];
};

/** Limits, windows and providers of these domains that tests replace. */
export type CommunityOverrides = { boxes?: BoxesOptions; leaderboards?: LeaderboardsOptions };

/** The services of these domains. */
export type CommunityServices = { boxes: Boxes; leaderboards: Leaderboards };

/** Builds the domains around creators and viewers' trust: reactions, goals, battles, boxes, boards, moderation, payouts, reports. */
export function createCommunity(
  deps: CommunityDeps,
  overrides: CommunityOverrides = {},
): { services: CommunityServices; start: () => void; close: () => Promise<void> } {
  const boxes = new Boxes(deps, overrides.boxes);
  deps.endings.push(boxes.ending);
  const leaderboards = new Leaderboards(deps, overrides.leaderboards);
  deps.watchHooks.push(leaderboards.watchHook);
  const services: CommunityServices = { boxes, leaderboards };
  const running: { start: () => void; close: () => Promise<void> }[] = [boxes, leaderboards];
  return {
    services,
    start: () => {
      for (const domain of running) domain.start();
    },
    close: async () => {
      await Promise.all(running.map((domain) => domain.close()));
    },
  };
}
