import { createContext, useCallback, useContext } from 'react';
import { useSession } from '../api/session.ts';
import { useAction } from '../components/use-action.ts';
import { MuteViewerDocument } from '../generated/graphql.ts';
import type { Person, RoomSnapshot } from './types.ts';

/** A mute lasts twice the seconds that one asks for: this is five minutes. */
const MUTE_SECONDS = 150;

/** How those who moderate a stream shut somebody up, from the row of what was said. */
export type Mute = { run: (person: Person) => void; spares: (person: Person) => boolean };

/** The mute of the room that a row is in; undefined for who does not moderate there. */
export const MuteContext = createContext<Mute | undefined>(undefined);

/** The mute of the room around a row. */
export function useMute(): Mute | undefined {
  return useContext(MuteContext);
}

/** Mutes people in the streams of a creator. Returns until when, or undefined when it is said what went wrong. */
export function useMuteIn(creatorId: string): (person: Person) => Promise<string | undefined> {
  const { run } = useAction(MuteViewerDocument);
  return useCallback(
    async (person) => (await run({ input: { creatorId, viewerId: person.id, seconds: MUTE_SECONDS } }))?.mutedUntil,
    [creatorId, run],
  );
}

/** Whether somebody who is signed in moderates a creator's streams. */
export function useModerates({ handle, moderators }: Pick<RoomSnapshot['creator'], 'handle' | 'moderators'>): boolean {
  const own = useSession()?.viewer.handle;
  return own !== undefined && (own === handle || moderators.some((one) => one.handle === own));
}
