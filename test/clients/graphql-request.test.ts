/** graphql-request 7, with graphql-sse for its subscriptions. */
import { NetworkError } from 'graphql-sse';
import { expect } from 'vitest';
import { RoomDocument } from '../../examples/clients/generated/graphql.ts';
import { createRequestClient, sendGift, watch } from '../../examples/clients/graphql-request.ts';
import { collect, type MakeClient } from './support/adapter.ts';
import { clientCases } from './support/cases.ts';
import { outcomeOf, roomOf } from './support/typed.ts';

const make: MakeClient = (api) => {
  const { client, events } = createRequestClient(api);
  return {
    room: async (id, first) => roomOf(await client.request(RoomDocument, { id, first })),
    sendGift: async (input) => outcomeOf(await sendGift(client, input)),
    watch: (streamId, after) => {
      const feed = watch(events, streamId, after);
      const edges = async function* () {
        for await (const { data } of feed) yield data!.liveEvents;
      };
      return collect(edges(), () => void feed.return());
    },
    watchNonsense: async () => {
      const query = 'subscription { liveEvents(streamId: "x") { nonsense } }';
      const first = await events
        .iterate({ query })
        .next()
        .catch((error: unknown) => error);
      expect(first).not.toBeInstanceOf(NetworkError);
      const { value } = first as { value: { errors: { message: string }[] } };
      return value.errors.map(({ message }) => message);
    },
    close: () => events.dispose(),
  };
};

clientCases(make);
