/** Relay 21: its compiler on our schema as it is, and its runtime without React. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  createOperationDescriptor,
  type Environment,
  fetchQuery,
  getFragment,
  getRequest,
  getSingularSelector,
  requestSubscription,
  type SingularReaderSelector,
} from 'relay-runtime';
import { expect, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { documents_log$data } from '../../examples/clients/relay/__generated__/documents_log.graphql.ts';
import logPageQuery, {
  type documentsLogPageQuery,
} from '../../examples/clients/relay/__generated__/documentsLogPageQuery.graphql.ts';
import type { documentsRoomQuery } from '../../examples/clients/relay/__generated__/documentsRoomQuery.graphql.ts';
import { feedSubscription, logFragment, roomQuery } from '../../examples/clients/relay/documents.ts';
import { createRelay, sendGift, watch } from '../../examples/clients/relay/environment.ts';
import { sendChatMessage, succeed } from '../support/operations.ts';
import { type MakeClient, pushed } from './support/adapter.ts';
import { clientCases } from './support/cases.ts';
import { outcomeOf } from './support/typed.ts';
import { sessionOf, test } from './support/world.ts';

const FOLDER = fileURLToPath(new URL('../../examples/clients/relay', import.meta.url));

/** Asks for a room, keeps it in the store, and gives what a component with the fragment would read. */
async function openRoom(environment: Environment, id: string, first: number) {
  const variables = { id, first };
  environment.retain(createOperationDescriptor(getRequest(roomQuery), variables));
  const room = await fetchQuery<documentsRoomQuery>(environment, roomQuery, variables).toPromise();
  const log = () => {
    const selector = getSingularSelector(getFragment(logFragment), room!.liveStream) as SingularReaderSelector;
    return (environment.lookup(selector).data as documents_log$data).events;
  };
  return { room: room!, log };
}

const make: MakeClient = (api) => {
  const { environment, socket } = createRelay(api);
  return {
    room: async (id, first) => {
      const { room, log } = await openRoom(environment, id, first);
      return {
        me: room.me ? { handle: room.me.handle, coins: room.me.wallet.coins } : null,
        title: room.liveStream!.title,
        firstEvents: log().edges.map(({ node }) => node.__typename),
      };
    },
    sendGift: async (input) => outcomeOf((await sendGift(environment, input)) as never),
    watch: (streamId, after) =>
      pushed((sink) => {
        const variables = { streamId, after };
        const next = ({ liveEvents }: { liveEvents: Parameters<typeof sink.next>[0] }) => sink.next(liveEvents);
        const { dispose } = watch(environment, variables, { ...sink, next });
        return dispose;
      }),
    watchNonsense: () =>
      new Promise((resolve) => {
        const request = getRequest(feedSubscription);
        const text = 'subscription { liveEvents(streamId: "x") { nonsense } }';
        requestSubscription(environment, {
          subscription: { ...request, params: { ...request.params, cacheID: 'nonsense', id: null, text } } as never,
          variables: {},
          onError: (errors) => resolve((errors as unknown as Error[]).map(({ message }) => message)),
        });
      }),
    close: () => socket.dispose(),
  };
};

clientCases(make);

test('the compiler accepts the schema as it is, and what it made of the documents is up to date', async () => {
  // Not synchronously: on a slow machine the test runner would take this process for dead.
  const compile = promisify(execFile)('npx', ['relay-compiler', '--validate', 'relay.config.json'], { cwd: FOLDER });
  await expect(compile).resolves.toBeDefined();
});

test('a connection grows page by page, asked for by the global id of its node', async ({ world, live }) => {
  for (const text of ['one', 'two', 'three']) succeed(await sendChatMessage(live.creator, live.streamId, text));
  const viewer = await world.person();
  const session = sessionOf(viewer.sub);
  const { environment, socket } = createRelay({ url: world.url, session, webSocketImpl: WebSocket });
  onTestFinished(() => socket.dispose());
  const { log } = await openRoom(environment, live.streamId, 2);
  expect(log().edges.map(({ node }) => node.seq)).toEqual([1, 2]);
  const variables = { id: live.streamId, first: 2, after: log().pageInfo.endCursor };
  await fetchQuery<documentsLogPageQuery>(environment, logPageQuery, variables).toPromise();
  expect(log().edges.map(({ node }) => node.seq)).toEqual([1, 2, 3, 4]);
  expect(log().pageInfo.hasNextPage).toBe(false);
});
