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
   * @param causeOf whose event each is, where many are committed together; else they are the caller's
   */
  announce: (events: readonly LiveEvent[], causeOf?: (event: LiveEvent) => Cause | undefined) => void;
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
    announce: (events, causeOf) => {
      const { meters } = deps.db.instruments;
      logCauses(deps, events, causeOf);
      if (deps.db.instruments.tracer) traceEvents(deps.db.instruments, events, causeOf);
      for (const [streamId, batch] of groupBy(events, (event) => event.streamId)) {
        if (deps.bus.isLocal) hub.receive(streamId, batch);
        else {
          meters.busPublished++;
          publish(deps.db.instruments, deps.bus, streamId, batch).catch((error: unknown) => {
            meters.busFailed++;
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

/** Has the events carry the trace of whoever caused them to those who deliver them, on whatever server. */
function traceEvents(
  { cause }: Instruments,
  events: readonly LiveEvent[],
  causeOf?: (event: LiveEvent) => Cause | undefined,
): void {
  for (const event of events) event.traceparent = (causeOf?.(event) ?? cause)?.span?.traceparent;
}

/** Says, at `debug`, which request each event comes from: from a stream and a number one finds who asked. */
function logCauses(
  { db, log }: { db: Database; log: Logger },
  events: readonly LiveEvent[],
  causeOf?: (event: LiveEvent) => Cause | undefined,
): void {
  if (events.length === 0 || !log.isLevelEnabled('debug')) return;
  const { cause } = db.instruments;
  const committed = events.map((event) => ({
    streamId: String(event.streamId),
    seq: String(event.seq),
    type: event.type,
    requestId: (causeOf ? causeOf(event) : cause)?.requestId,
  }));
  log.debug({ events: committed }, 'events committed');
}
