import { useCallback, useEffect, useReducer, useState } from 'react';
import { useClient } from 'urql';
import type { RoomQuery } from '../generated/graphql.ts';
import { type RoomState, reduceRoom } from './room-state.ts';
import { watchRoom } from './watch-room.ts';

/** A room in a component: on its way, not there, out of reach, or as it is now. */
export type Room =
  | { status: 'loading' | 'missing' | 'failed' | 'banned'; retry: () => void }
  | { status: 'ready'; state: RoomState; room: RoomQuery; onShown: (seq: number) => void };

/** Enters a room and stays in it: what it shows follows from the events. */
export function useRoom(streamId: string): Room {
  const client = useClient();
  const [state, dispatch] = useReducer(reduceRoom, undefined);
  const [room, setRoom] = useState<RoomQuery>();
  const [refusal, setRefusal] = useState<'missing' | 'failed' | 'banned'>();
  const [attempt, setAttempt] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt enters anew.
  useEffect(() => {
    setRefusal(undefined);
    return watchRoom(client, streamId, { dispatch, onRoom: setRoom, onRefused: setRefusal });
  }, [client, streamId, attempt]);
  const onShown = useCallback((seq: number) => dispatch({ type: 'shown', seq }), []);
  const retry = useCallback(() => setAttempt((number) => number + 1), []);
  if (refusal) return { status: refusal, retry };
  return state && room ? { status: 'ready', state, room, onShown } : { status: 'loading', retry };
}
