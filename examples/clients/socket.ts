import { createClient } from 'graphql-ws';
import type { Session } from './session.ts';

/** Where the API is. `webSocketImpl`: the class of the `ws` package, in Node before version 22; a browser has its own. */
export type Api = { url: string; session: Session; webSocketImpl?: unknown };

const KEEP_ALIVE_MS = 10_000;
const PONG_MS_MAX = 5_000;

/** One socket for all subscriptions of a page. It is opened by the first one, and closed after the last. */
export function openSocket({ url, session, webSocketImpl }: Api) {
  let pong: ReturnType<typeof setTimeout> | undefined;
  const client = createClient({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl,
    retryAttempts: 0, // resume() does it, and knows the cursor
    connectionParams: async () => ({ authorization: `Bearer ${await session.token()}` }),
    keepAlive: KEEP_ALIVE_MS,
    on: {
      closed: (event) => {
        clearTimeout(pong);
        if ((event as { code?: number }).code === 4403) session.expired();
      },
      // A connection that died without a word is noticed by its silence only.
      ping: (received) => {
        if (!received) pong = setTimeout(() => client.terminate(), PONG_MS_MAX);
      },
      pong: (received) => {
        if (received) clearTimeout(pong);
      },
    },
  });
  return client;
}
