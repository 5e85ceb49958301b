import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { Boxes, type BoxesOptions } from '../domains/boxes/boxes.service.ts';
import { Goals, type GoalsOptions } from '../domains/goals/goals.service.ts';
import { Leaderboards, type LeaderboardsOptions } from '../domains/leaderboards/leaderboards.service.ts';
import type { PayoutsOptions } from '../domains/payouts/payouts.limits.ts';
import { Payouts } from '../domains/payouts/payouts.service.ts';
import { Reactions, type ReactionsOptions } from '../domains/reactions/reactions.service.ts';
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
export type CommunityOverrides = {
  payouts?: PayoutsOptions;
  reactions?: ReactionsOptions;
  goals?: GoalsOptions;
  boxes?: BoxesOptions;
  leaderboards?: LeaderboardsOptions;
};

/** The services of these domains. */
export type CommunityServices = {
  payouts: Payouts;
  reactions: Reactions;
  goals: Goals;
  boxes: Boxes;
  leaderboards: Leaderboards;
};

/** Builds the domains around creators and viewers' trust: reactions, goals, battles, boxes, boards, moderation, payouts, reports. */
export function createCommunity(
  deps: CommunityDeps,
  overrides: CommunityOverrides = {},
): { services: CommunityServices; start: () => void; close: () => Promise<void> } {
  const payouts = new Payouts(deps, overrides.payouts);
  const reactions = new Reactions(deps, overrides.reactions);
  const goals = new Goals(deps, overrides.goals);
  const boxes = new Boxes(deps, overrides.boxes);
  const leaderboards = new Leaderboards(deps, overrides.leaderboards);
  // Reactions lock ledger accounts: behind what locks battles or boxes, and they take diamonds back before payouts count them.
  deps.endings.push(boxes.ending, reactions.ending, payouts.ending, goals.ending);
  deps.watchHooks.push(leaderboards.watchHook);
  const services: CommunityServices = { payouts, reactions, goals, boxes, leaderboards };
  const running: { start: () => void; close: () => Promise<void> }[] = [payouts, reactions, goals, boxes, leaderboards];
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
