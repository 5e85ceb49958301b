/** Bare graphql-ws. */
import { expect } from 'vitest';
import { RoomDocument } from '../../examples/clients/generated/graphql.ts';
import { send, sendGift, watch } from '../../examples/clients/graphql-ws.ts';
import { openSocket } from '../../examples/clients/socket.ts';
import { collect, type MakeClient } from './support/adapter.ts';
import { clientCases } from './support/cases.ts';
import { outcomeOf, roomOf } from './support/typed.ts';

const make: MakeClient = (api) => {
  const socket = openSocket(api);
  return {
    room: async (id, first) => roomOf(await send(socket, RoomDocument, { id, first })),
    sendGift: async (input) => outcomeOf((await sendGift(socket, input)).sendGift),
    watch: (streamId, after) => {
      const feed = watch(socket, streamId, after);
      const edges = async function* () {
        for await (const { data } of feed) yield data!.liveEvents;
      };
      return collect(edges(), () => void feed.return());
    },
    watchNonsense: async () => {
      const refused = socket.iterate({ query: 'subscription { liveEvents(' });
      const errors = await refused.next().catch((error: unknown) => error as { message: string }[]);
      expect(errors).toBeInstanceOf(Array);
      return (errors as { message: string }[]).map(({ message }) => message);
    },
    close: () => socket.dispose(),
  };
};

clientCases(make);
