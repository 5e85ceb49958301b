import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { Battles, type BattlesOptions } from '../domains/battles/battles.service.ts';
import { Goals, type GoalsOptions } from '../domains/goals/goals.service.ts';
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
export type CommunityOverrides = { goals?: GoalsOptions; battles?: BattlesOptions };

/** The services of these domains. */
export type CommunityServices = { goals: Goals; battles: Battles };

/** Builds the domains around creators and viewers' trust: reactions, goals, battles, boxes, boards, moderation, payouts, reports. */
export function createCommunity(
  deps: CommunityDeps,
  overrides: CommunityOverrides = {},
): { services: CommunityServices; start: () => void; close: () => Promise<void> } {
  const goals = new Goals(deps, overrides.goals);
  const battles = new Battles(deps, overrides.battles);
  deps.endings.push(goals.ending, battles.ending);
  const services: CommunityServices = { goals, battles };
  const running: { start: () => void; close: () => Promise<void> }[] = [goals, battles];
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
