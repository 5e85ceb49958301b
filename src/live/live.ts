import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { groupBy } from '../kernel/group-by.ts';
import type { Cause, Instruments } from '../kernel/instruments.ts';
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
   * @param together where many are committed together, whose event each is; else they are the caller's
   */
  announce: (events: readonly LiveEvent[], together?: Together) => void;
  close: () => Promise<void>;
};

/** Whose items were committed together, and whether an event comes from the item of that place. It may come from many. */
export type Together = {
  causes: readonly (Cause | undefined)[];
  isOf: (event: LiveEvent, place: number) => boolean;
};

/** Requests that the log names for one event at the most. */
const REQUESTS_PER_EVENT_MAX = 128;

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
    announce: (events, together) => {
      followEvents(deps, events, together);
      for (const [streamId, batch] of groupBy(events, (event) => event.streamId)) {
        if (deps.bus.isLocal) hub.receive(streamId, batch);
        else {
          publish(deps.db.instruments, deps.bus, streamId, batch).catch((error: unknown) => {
            deps.log.warn({ err: error, streamId: String(streamId) }, 'announcing events failed; watchers poll');
          });
        }
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

function publish(instruments: Instruments, bus: Bus, streamId: bigint, batch: readonly LiveEvent[]): Promise<void> {
  const send = () => bus.publish(channels.stream(streamId), encodeEvents(batch));
  if (!instruments.tracer) return send();
  const attributes = { 'hadiya.stream.id': String(streamId), 'hadiya.events': batch.length };
  return instruments.span('bus publish', { kind: 'producer', attributes }, send);
}

/**
 * While somebody wants to see it: has the events carry the trace of who caused them (of the first, where it is many) to those who
 * deliver them, on whatever server; and says, at `debug`, which requests each comes from: from a stream and a number one finds who asked.
 */
function followEvents(
  { db: { instruments }, log }: { db: Database; log: Logger },
  events: readonly LiveEvent[],
  together: Together | undefined,
): void {
  const isLogged = log.isLevelEnabled('debug');
  if (events.length === 0 || !(isLogged || instruments.tracer)) return;
  const { causes, isOf } = together ?? { causes: [instruments.cause], isOf: () => true };
  const committed = events.map((event) => {
    const own = causes.filter((cause, place) => cause && isOf(event, place)) as Cause[];
    event.traceparent = own.find(({ span }) => span)?.span?.traceparent;
    return {
      streamId: String(event.streamId),
      seq: String(event.seq),
      type: event.type,
      requestIds: [...new Set(own.flatMap(({ requestId }) => requestId ?? []))].slice(0, REQUESTS_PER_EVENT_MAX),
    };
  });
  if (isLogged) log.debug({ events: committed }, 'events committed');
}
