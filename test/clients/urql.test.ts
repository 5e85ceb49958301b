/** urql 5, by its core: what its hooks for React call. */
import { gql, type OperationResult } from '@urql/core';
import { filter, map, onEnd, pipe, subscribe, take, toPromise } from 'wonka';
import { RoomDocument } from '../../examples/clients/generated/graphql.ts';
import { createUrql, sendGift, watch } from '../../examples/clients/urql.ts';
import { type MakeClient, pushed } from './support/adapter.ts';
import { clientCases } from './support/cases.ts';
import { outcomeOf, roomOf } from './support/typed.ts';

const make: MakeClient = (api) => {
  const { client, socket } = createUrql(api);
  return {
    room: async (id, first) => roomOf((await client.query(RoomDocument, { id, first }).toPromise()).data!),
    sendGift: async (input) => outcomeOf(await sendGift(client, input)),
    watch: (streamId, after) =>
      pushed(({ next, error, complete }) => {
        const { unsubscribe } = pipe(
          watch(client, streamId, after),
          onEnd(complete),
          subscribe((result) => (result.data ? next(result.data.liveEvents) : error(result.error?.networkError))),
        );
        return unsubscribe;
      }),
    watchNonsense: () =>
      pipe(
        client.subscription(gql`subscription { liveEvents(streamId: "x") { nonsense } }`, {}),
        filter((result: OperationResult) => result.error !== undefined),
        map(({ error }) => error!.graphQLErrors.map(({ message }) => message)),
        take(1),
        toPromise,
      ),
    close: () => socket.dispose(),
  };
};

clientCases(make);
