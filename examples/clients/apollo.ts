import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { RetryLink } from '@apollo/client/link/retry';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { getMainDefinition, relayStylePagination } from '@apollo/client/utilities';
import { FeedDocument, SendGiftDocument, type SendGiftInput } from './generated/graphql.ts';
import { resuming } from './resuming.ts';
import { type Api, openSocket } from './socket.ts';

const ATTEMPTS_MAX = 6;
const PAUSE_MS_MIN = 300;

/**
 * A client whose subscriptions resume, and which sends again what was not answered: every mutation takes an `idempotencyKey`, or
 * may be repeated by its nature.
 * @param possibleTypes which types stand behind interfaces and unions; without them `... on Error` matches nothing
 */
export function createApollo(api: Api, possibleTypes: Record<string, string[]>) {
  const socket = resuming(openSocket(api));
  const signedIn = new SetContextLink(async ({ headers }) => ({
    headers: { ...headers, authorization: `Bearer ${await api.session.token()}` },
  }));
  const retry = new RetryLink({
    attempts: { max: ATTEMPTS_MAX },
    delay: { initial: PAUSE_MS_MIN, jitter: true },
  });
  const isSubscription = ({ query }: ApolloLink.Operation) => {
    const definition = getMainDefinition(query);
    return definition.kind === 'OperationDefinition' && definition.operation === 'subscription';
  };
  const overHttp = ApolloLink.from([retry, signedIn, new HttpLink({ uri: api.url })]);
  const client = new ApolloClient({
    link: ApolloLink.split(isSubscription, new GraphQLWsLink(socket), overHttp),
    cache: new InMemoryCache({
      possibleTypes,
      typePolicies: {
        // Pages are joined; a list with a filter is another one.
        LiveStream: { fields: { events: relayStylePagination() } },
        Query: {
          fields: { products: relayStylePagination(['filter', 'orderBy']), liveStreams: relayStylePagination() },
        },
        // Coins belong to whoever is signed in and have no id of their own.
        Viewer: { fields: { wallet: { merge: true } } },
      },
    }),
  });
  return { client, socket };
}

/** Sends a gift, once, whatever happens to the connection. */
export async function sendGift(client: ApolloClient, input: SendGiftInput) {
  const { data } = await client.mutate({ mutation: SendGiftDocument, variables: { input } });
  return data!.sendGift;
}

/** The feed of a stream behind a cursor; "" is its beginning. In React: `useSubscription(FeedDocument, { variables })`. */
export function watch(client: ApolloClient, streamId: string, after: string) {
  return client.subscribe({ query: FeedDocument, variables: { streamId, after }, fetchPolicy: 'no-cache' });
}
