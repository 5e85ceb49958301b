import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import type { PayoutsOptions } from '../domains/payouts/payouts.limits.ts';
import { Payouts } from '../domains/payouts/payouts.service.ts';
import type { PayoutProvider } from '../domains/payouts/providers/provider.ts';
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
export type CommunityOverrides = { payouts?: PayoutsOptions; payoutProvider?: PayoutProvider };

/** The services of these domains. */
export type CommunityServices = { payouts: Payouts };

/** Builds the domains around creators and viewers' trust: reactions, goals, battles, boxes, boards, moderation, payouts, reports. */
export function createCommunity(
  deps: CommunityDeps,
  overrides: CommunityOverrides = {},
): { services: CommunityServices; start: () => void; close: () => Promise<void> } {
  const payoutProvider = overrides.payoutProvider ?? deps.payoutProvider;
  const payouts = new Payouts({ ...deps, payoutProvider }, overrides.payouts);
  deps.endings.push(payouts.ending);
  const services: CommunityServices = { payouts };
  const running: { start: () => void; close: () => Promise<void> }[] = [payouts];
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
