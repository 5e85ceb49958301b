import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { groupBy } from '../kernel/group-by.ts';
import type { Bus } from './bus.ts';
import { Changes } from './changes.ts';
import { channels } from './channels.ts';
import { Hub, type HubLimits, PAGE_SIZE, POLL_INTERVAL_MS, RING_SIZE } from './hub.ts';
import { encodeEvents, type LiveEvent } from './live-event.ts';
import { Presence } from './presence.ts';

/** Everything live that the domains use: they append to the log themselves, in their own transaction. */
export type Live = {
  bus: Bus;
  hub: Hub;
  presence: Presence;
  changes: Changes;
  /**
   * Tells all processes of committed events: one bus message per stream, none when there is only this one. Does not wait; what
   * is lost is polled.
   */
  announce: (events: readonly LiveEvent[]) => void;
  close: () => Promise<void>;
};

/** Puts the live layer together over a bus that it then owns. */
export function createLive(deps: { db: Database; bus: Bus; log: Logger }, limits: Partial<HubLimits> = {}): Live {
  const hub = new Hub(deps, { ringSize: RING_SIZE, pollIntervalMs: POLL_INTERVAL_MS, pageSize: PAGE_SIZE, ...limits });
  const presence = new Presence(deps);
  const changes = new Changes(deps);
  return {
    bus: deps.bus,
    hub,
    presence,
    changes,
    announce: (events) => {
      for (const [streamId, batch] of groupBy(events, (event) => event.streamId)) {
        if (deps.bus.isLocal) hub.receive(streamId, batch);
        else
          deps.bus.publish(channels.stream(streamId), encodeEvents(batch)).catch((error: unknown) => {
            deps.log.warn({ err: error, streamId: String(streamId) }, 'announcing events failed; watchers poll');
          });
      }
    },
    close: async () => {
      await hub.close();
      await presence.close();
      await changes.close();
      await deps.bus.close();
    },
  };
}
