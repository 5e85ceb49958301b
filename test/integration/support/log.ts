/** The log of a stream in short, to be compared with what a story says. */
import { type Actor, type LiveEvent, readLog } from '../../support/operations.ts';

type Sender = { handle: string };
type Gift = { name: string };

/** The events of a log: the streaks of one viewer are told from those of another by the handle. */
export async function readEvents(viewer: Pick<Actor, 'api'>, streamId: string): Promise<LiveEvent[]> {
  return (await readLog(viewer.api, streamId)).map(({ node }) => node);
}

/** One line for each event that belongs to a streak, or ends one: `Rose x2 streak 3`, `Rose ended total 3 coins 3`. */
export function streakLines(events: readonly LiveEvent[], of?: Actor): string[] {
  return events.flatMap((event) => {
    const name = (event.gift as Gift | undefined)?.name;
    if (of && event.sender && (event.sender as Sender).handle !== of.handle) return [];
    if (event.__typename === 'GiftSent') return [`${name} x${event.quantity} streak ${event.streak}`];
    if (event.__typename === 'StreakEnded') return [`${name} ended total ${event.total} coins ${event.coins}`];
    return event.__typename === 'StreamEnded' ? ['stream ended'] : [];
  });
}

/** Adds up a number over the events of one type. */
export function sumOf(events: readonly LiveEvent[], typename: string, field: 'quantity' | 'total' | 'coins'): number {
  return events
    .filter((event) => event.__typename === typename)
    .reduce((sum, event) => sum + (event[field] as number), 0);
}
