/** Apollo Client 4, without its hooks. */
import { readFileSync } from 'node:fs';
import { CombinedGraphQLErrors, gql } from '@apollo/client';
import { expect, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { createApollo, sendGift, watch } from '../../examples/clients/apollo.ts';
import { RoomDocument } from '../../examples/clients/generated/graphql.ts';
import { possibleTypesOf } from '../../examples/clients/possible-types.ts';
import { sendChatMessage, succeed } from '../support/operations.ts';
import { type MakeClient, pushed } from './support/adapter.ts';
import { clientCases } from './support/cases.ts';
import { outcomeOf, roomOf } from './support/typed.ts';
import { sessionOf, test } from './support/world.ts';

// Node has one of its own since version 22, and the link for graphql-ws looks at it when it is given an error.
globalThis.WebSocket ??= WebSocket as never;

const POSSIBLE_TYPES = possibleTypesOf(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));

const make: MakeClient = (api) => {
  const { client, socket } = createApollo(api, POSSIBLE_TYPES);
  return {
    room: async (id, first) => {
      const { data } = await client.query({ query: RoomDocument, variables: { id, first }, fetchPolicy: 'no-cache' });
      return roomOf(data!);
    },
    sendGift: async (input) => outcomeOf(await sendGift(client, input)),
    watch: (streamId, after) =>
      pushed((sink) => {
        const subscription = watch(client, streamId, after).subscribe({
          ...sink,
          next: ({ data, error }) => (data ? sink.next(data.liveEvents) : sink.error(error)),
        });
        return () => subscription.unsubscribe();
      }),
    watchNonsense: () =>
      new Promise((resolve, reject) => {
        client.subscribe({ query: gql`subscription { liveEvents(streamId: "x") { nonsense } }` }).subscribe({
          next: ({ error }) =>
            CombinedGraphQLErrors.is(error) ? resolve(error.errors.map(({ message }) => message)) : reject(error),
          error: reject,
        });
      }),
    close: async () => {
      client.stop();
      await socket.dispose();
    },
  };
};

clientCases(make);

test('pages of a connection are joined in the cache', async ({ world, live }) => {
  for (const text of ['one', 'two', 'three']) succeed(await sendChatMessage(live.creator, live.streamId, text));
  const viewer = await world.person();
  const { client, socket } = createApollo({ url: world.url, session: sessionOf(viewer.sub) }, POSSIBLE_TYPES);
  onTestFinished(() => socket.dispose());
  const variables = { id: live.streamId, first: 2 };
  const room = client.watchQuery({ query: RoomDocument, variables });
  const { data } = await client.query({ query: RoomDocument, variables });
  const after = data!.liveStream!.events.pageInfo.endCursor;
  await room.fetchMore({ variables: { after } });
  const joined = client.readQuery({ query: RoomDocument, variables })!.liveStream!.events;
  expect(joined.edges.map(({ node }) => node.seq)).toEqual([1, 2, 3, 4]);
  expect(joined.pageInfo.hasNextPage).toBe(false);
  client.stop();
});
