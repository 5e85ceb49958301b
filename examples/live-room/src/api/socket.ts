import { createClient } from 'graphql-ws';
import { connection } from './connection.ts';
import { API_PATH } from './paths.ts';
import { freshToken, onSessionChange } from './session.ts';

/** How often a quiet socket is asked whether it still lives, and how long it may take to answer. */
const PING_INTERVAL_MS = 10_000;
const PONG_WAIT_MS_MAX = 5_000;
/** Pauses between attempts to connect: they double up to the longest, and vary, so that not all viewers come back at once. */
const RETRY_WAIT_MS_MIN = 250;
const RETRY_WAIT_MS_MAX = 5_000;

/** The closing handshake ended a page's need for its socket. */
const CLOSE_NORMAL = 1000;

let pongTimer: ReturnType<typeof setTimeout> | undefined;

/** The page's one socket. It is opened by the first subscription, and comes back for as long as there is one. */
export const socket = createClient({
  url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${API_PATH}`,
  connectionParams: async () => {
    const token = await freshToken();
    return token === undefined ? {} : { authorization: `Bearer ${token}` };
  },
  retryAttempts: Number.POSITIVE_INFINITY,
  shouldRetry: () => true,
  retryWait: async (retries) => {
    const wait = Math.min(RETRY_WAIT_MS_MAX, RETRY_WAIT_MS_MIN * 2 ** Math.min(retries, 10));
    await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random() / 2)));
  },
  keepAlive: PING_INTERVAL_MS,
  on: {
    connecting: () => connection.set(connection.get() === 'lost' ? 'lost' : 'connecting'),
    connected: () => connection.set('open'),
    closed: (event) => {
      clearTimeout(pongTimer);
      connection.set((event as CloseEvent).code === CLOSE_NORMAL ? 'idle' : 'lost');
    },
    ping: (received) => {
      // A network that went away without a word: nothing else would notice.
      if (!received) pongTimer = setTimeout(() => socket.terminate(), PONG_WAIT_MS_MAX);
    },
    pong: () => clearTimeout(pongTimer),
  },
});

// Who is signed in is said once a socket; what is open on it goes on over the next one.
onSessionChange(() => socket.terminate());
// The browser knows before the next ping does.
addEventListener('offline', () => socket.terminate());
