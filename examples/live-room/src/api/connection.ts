import { useSyncExternalStore } from 'react';
import { createStore } from './store.ts';

/** How the socket is: not needed, being opened for the first time, open, or lost and being opened again. */
export type Connection = 'idle' | 'connecting' | 'open' | 'lost';

/** Kept by `socket.ts`. */
export const connection = createStore<Connection>('idle');

/** How the socket is, in components. */
export function useConnection(): Connection {
  return useSyncExternalStore(connection.subscribe, connection.get);
}
