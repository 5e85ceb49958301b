/** mercurius as documented: subscriptions over its own pubsub, queries compiled from the first use on. */
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { FEED_SDL, giftEdge } from '../fan-out/event.ts';
import { serveFeed } from '../fan-out/publish.ts';

const app = Fastify();
app.register(mercurius, {
  schema: FEED_SDL,
  resolvers: {
    Query: { ok: () => true },
    LiveEvent: { resolveType: (event) => event.__typename },
    Subscription: {
      liveEvents: {
        subscribe: (_root, { streamId }, { pubsub }) => pubsub.subscribe(`liveEvents:${streamId}`),
      },
    },
  },
  jit: 1,
  subscription: true,
});
const url = await app.listen({ port: 0, host: '127.0.0.1' });

const lastSeqs = new Map();
serveFeed(url, (streams, count, padding) => {
  for (const streamId of streams) {
    for (let event = 0; event < count; event++) {
      const seq = (lastSeqs.get(streamId) ?? 0) + 1;
      lastSeqs.set(streamId, seq);
      const liveEvents = giftEdge(seq, padding);
      app.graphql.pubsub.publish({ topic: `liveEvents:${streamId}`, payload: { liveEvents } });
    }
  }
});
