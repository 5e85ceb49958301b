/** GraphQL Yoga with graphql-ws, as their documentations put them together: the server that most would write. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { useServer } from 'graphql-ws/use/ws';
import { createPubSub, createSchema, createYoga } from 'graphql-yoga';
import { WebSocketServer } from 'ws';
import { FEED_SDL, giftEdge } from '../event.ts';
import { serveFeed } from '../publish.ts';

type Edge = ReturnType<typeof giftEdge>;

const pubSub = createPubSub<{ liveEvents: [streamId: string, edge: Edge] }>();
const schema = createSchema({
  typeDefs: FEED_SDL,
  resolvers: {
    Query: { ok: () => true },
    Subscription: {
      liveEvents: {
        subscribe: (_root: unknown, { streamId }: { streamId: string }) => pubSub.subscribe('liveEvents', streamId),
        resolve: (edge: Edge) => edge,
      },
    },
  },
});
const yoga = createYoga({ schema, logging: false });
const httpServer = createServer(yoga);
const wsServer = new WebSocketServer({ server: httpServer, path: yoga.graphqlEndpoint });

useServer(
  {
    // biome-ignore lint/suspicious/noExplicitAny: as documented
    execute: (args: any) => args.rootValue.execute(args),
    // biome-ignore lint/suspicious/noExplicitAny: as documented
    subscribe: (args: any) => args.rootValue.subscribe(args),
    onSubscribe: async (ctx, _id, params) => {
      const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
        ...ctx,
        req: ctx.extra.request,
        socket: ctx.extra.socket,
        params,
      });
      const args = {
        schema,
        operationName: params.operationName,
        document: parse(params.query),
        variableValues: params.variables,
        contextValue: await contextFactory(),
        rootValue: { execute, subscribe },
      };
      const errors = validate(args.schema, args.document);
      if (errors.length) return errors;
      return args;
    },
  },
  wsServer,
);

const lastSeqs = new Map<string, number>();
httpServer.listen(0, '127.0.0.1', () => {
  const { port } = httpServer.address() as AddressInfo;
  serveFeed(`http://127.0.0.1:${port}`, (streams, count, padding) => {
    for (const streamId of streams) {
      for (let event = 0; event < count; event++) {
        const seq = (lastSeqs.get(streamId) ?? 0) + 1;
        lastSeqs.set(streamId, seq);
        pubSub.publish('liveEvents', streamId, giftEdge(seq, padding));
      }
    }
  });
});
