import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { Battles, type BattlesOptions } from '../domains/battles/battles.service.ts';
import { Boxes, type BoxesOptions } from '../domains/boxes/boxes.service.ts';
import { Goals, type GoalsOptions } from '../domains/goals/goals.service.ts';
import { Leaderboards, type LeaderboardsOptions } from '../domains/leaderboards/leaderboards.service.ts';
import { Moderation, type ModerationOptions } from '../domains/moderation/moderation.service.ts';
import type { PayoutsOptions } from '../domains/payouts/payouts.limits.ts';
import { Payouts } from '../domains/payouts/payouts.service.ts';
import type { PayoutProvider } from '../domains/payouts/providers/provider.ts';
import { Reactions, type ReactionsOptions } from '../domains/reactions/reactions.service.ts';
import { Reports, type ReportsOptions } from '../domains/reports/reports.service.ts';
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
  /** Whoever pays creators; the sandbox when there is nobody. */
  payoutProvider?: PayoutProvider | undefined;
  log: Logger;
  /** What ends with a stream: each domain adds its own, in the lock order. */
  endings: StreamEnding[];
  /** Who hears of watchers, and may refuse them: each domain adds its own. */
  watchHooks: WatchHook[];
};

/** Limits, windows and providers of these domains that tests replace. */
export type CommunityOverrides = {
  battles?: BattlesOptions;
  boxes?: BoxesOptions;
  reactions?: ReactionsOptions;
  goals?: GoalsOptions;
  payouts?: PayoutsOptions;
  payoutProvider?: PayoutProvider;
  moderation?: ModerationOptions;
  leaderboards?: LeaderboardsOptions;
  reports?: ReportsOptions;
};

/** The services of these domains. */
export type CommunityServices = {
  battles: Battles;
  boxes: Boxes;
  reactions: Reactions;
  goals: Goals;
  payouts: Payouts;
  moderation: Moderation;
  leaderboards: Leaderboards;
  reports: Reports;
};

/** Builds the domains around creators and viewers' trust: reactions, goals, battles, boxes, boards, moderation, payouts, reports. */
export function createCommunity(
  deps: CommunityDeps,
  overrides: CommunityOverrides = {},
): { services: CommunityServices; start: () => void; close: () => Promise<void> } {
  const battles = new Battles(deps, overrides.battles);
  const boxes = new Boxes(deps, overrides.boxes);
  const reactions = new Reactions(deps, overrides.reactions);
  const goals = new Goals(deps, overrides.goals);
  const payoutProvider = overrides.payoutProvider ?? deps.payoutProvider;
  const payouts = new Payouts({ ...deps, payoutProvider }, overrides.payouts);
  const moderation = new Moderation({ ...deps, changes: deps.live.changes }, overrides.moderation);
  const leaderboards = new Leaderboards(deps, overrides.leaderboards);
  const reports = new Reports(deps, overrides.reports);
  // In the lock order: battles, boxes, accounts, logs.
  deps.endings.push(
    battles.ending,
    boxes.ending,
    reactions.ending,
    goals.ending,
    payouts.ending,
    moderation.slowModes.ending,
  );
  deps.watchHooks.push(moderation.bans.watchHook, leaderboards.watchHook);
  const services: CommunityServices = { battles, boxes, reactions, goals, payouts, moderation, leaderboards, reports };
  const running: { start: () => void; close: () => Promise<void> }[] = Object.values(services);
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
