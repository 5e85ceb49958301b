import { createClient, fetchExchange, subscriptionExchange } from 'urql';
import { noteServerDate } from './clock.ts';
import { API_PATH } from './paths.ts';
import { subscribeResumably } from './resume.ts';
import { freshToken } from './session.ts';
import { socket } from './socket.ts';

/** The page's client: operations over HTTP, subscriptions over its one socket. What it shows is kept by events, not by a cache. */
export const client = createClient({
  url: API_PATH,
  preferGetMethod: false,
  exchanges: [
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: (sink) => ({
          unsubscribe: subscribeResumably(socket.subscribe, { query: query!, variables: { ...variables } }, sink),
        }),
      }),
    }),
  ],
  fetch: async (url, init) => {
    const token = await freshToken();
    const headers = new Headers(init?.headers);
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    const response = await fetch(url, { ...init, headers });
    noteServerDate(response.headers.get('date'));
    return response;
  },
});
