import { print } from 'graphql';
import { ClientError, GraphQLClient } from 'graphql-request';
import { createClient } from 'graphql-sse';
import { type FeedClient, resume } from '../resume.ts';
import { FeedDocument, type FeedSubscription, SendGiftDocument, type SendGiftInput } from './generated/graphql.ts';
import { untilAnswered } from './retry.ts';
import type { Session } from './session.ts';

/** Queries and mutations by graphql-request; subscriptions over server-sent events by graphql-sse, each on a request of its own. */
export function createRequestClient({ url, session }: { url: string; session: Session }) {
  const client = new GraphQLClient(url, {
    requestMiddleware: async (request) => {
      const headers = new Headers(request.headers);
      headers.set('authorization', `Bearer ${await session.token()}`);
      return { ...request, headers };
    },
  });
  const events = createClient({
    url,
    retryAttempts: 0, // resume() does it, and knows the cursor
    headers: async () => ({ authorization: `Bearer ${await session.token()}` }),
  });
  return { client, events };
}

/** Sends a gift, once, whatever happens to the connection. */
export function sendGift(client: GraphQLClient, input: SendGiftInput) {
  return untilAnswered(
    async () => (await client.request(SendGiftDocument, { input })).sendGift,
    (error) => !(error instanceof ClientError && error.response.status < 500), // that one is an answer
  );
}

/** The feed of a stream behind a cursor; "" is its beginning. `for await` it; `break` or `return()` ends it. */
export function watch(events: ReturnType<typeof createClient>, streamId: string, after: string) {
  return resume<FeedSubscription>(events as FeedClient, { query: print(FeedDocument), variables: { streamId, after } });
}
