import { Client, type CombinedError, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core';
import { FeedDocument, SendGiftDocument, type SendGiftInput } from './generated/graphql.ts';
import { resuming } from './resuming.ts';
import { untilAnswered } from './retry.ts';
import { type Api, openSocket } from './socket.ts';

/** A client whose subscriptions resume. In React it goes into `<Provider value={…}>` of the package `urql`. */
export function createUrql(api: Api) {
  const socket = resuming(openSocket(api));
  const client = new Client({
    url: api.url,
    preferGetMethod: false,
    fetch: async (url, init) => {
      const headers = { ...init?.headers, authorization: `Bearer ${await api.session.token()}` };
      return fetch(url, { ...init, headers });
    },
    exchanges: [
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
        }),
      }),
    ],
  });
  return { client, socket };
}

/** Sends a gift, once, whatever happens to the connection. */
export function sendGift(client: Client, input: SendGiftInput) {
  const send = async () => {
    const { data, error } = await client.mutation(SendGiftDocument, { input }).toPromise();
    if (error || !data) throw error;
    return data.sendGift;
  };
  return untilAnswered(send, (error) => (error as CombinedError).networkError !== undefined);
}

/** The feed of a stream behind a cursor; "" is its beginning. In React: `useSubscription({ query: FeedDocument, variables })`. */
export function watch(client: Client, streamId: string, after: string) {
  return client.subscription(FeedDocument, { streamId, after });
}
