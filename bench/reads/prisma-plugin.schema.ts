import SchemaBuilder from '@pothos/core';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import type { GraphQLSchema } from 'graphql';
import { GraphQLDateTime } from 'graphql-scalars';
import type PrismaTypes from '../../src/generated/pothos-types.ts';
import { getDatamodel } from '../../src/generated/pothos-types.ts';
import type { Prisma, PrismaClient } from '../../src/generated/prisma/client.ts';

const PAGE_SIZE_DEFAULT = 20;
const PAGE_SIZE_MAX = 100;

/** The hot pages as one writes them with Pothos's Prisma plugin, following its documentation: what ours were before. */
export function buildPrismaPluginSchema(prisma: PrismaClient): GraphQLSchema {
  const builder = createBuilder(prisma);
  builder.addScalarType('DateTime', GraphQLDateTime);
  const StreamStatus = builder.enumType('StreamStatus', { values: ['SCHEDULED', 'LIVE', 'ENDED'] as const });
  const Creator = builder.prismaNode('Creator', {
    id: { field: 'id' },
    fields: (t) => ({
      handle: t.string({
        select: { viewer: { select: { handle: true } } },
        resolve: ({ viewer }) => viewer.handle,
      }),
      displayName: t.string({
        select: { viewer: { select: { displayName: true } } },
        resolve: ({ viewer }) => viewer.displayName,
      }),
    }),
  });
  const LiveStream = builder.prismaNode('Stream', {
    name: 'LiveStream',
    id: { field: 'id' },
    fields: (t) => ({
      title: t.exposeString('title'),
      creator: t.relation('creator'),
      status: t.field({
        type: StreamStatus,
        select: { status: true },
        resolve: ({ status }) => status as 'SCHEDULED' | 'LIVE' | 'ENDED',
      }),
      startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true }),
      endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true }),
    }),
  });
  builder.prismaObjectFields(Creator, (t) => ({
    currentStream: t.field({
      type: LiveStream,
      nullable: true,
      select: (_args, _context, nestedSelection) => ({
        streams: nestedSelection({ where: { status: 'LIVE' }, take: 1 } as never),
      }),
      resolve: (creator) => (creator as unknown as { streams: never[] }).streams[0] ?? null,
    }),
  }));
  const live = { status: 'LIVE' } satisfies Prisma.StreamWhereInput;
  builder.queryType({
    fields: (t) => ({
      creators: t.prismaConnection({
        type: Creator,
        cursor: 'id',
        totalCount: () => prisma.creator.count(),
        resolve: (query) => prisma.creator.findMany({ ...query, orderBy: { id: 'asc' } }),
      }),
      liveStreams: t.prismaConnection({
        type: LiveStream,
        cursor: 'id',
        totalCount: () => prisma.stream.count({ where: live }),
        resolve: (query) => prisma.stream.findMany({ ...query, where: live, orderBy: { id: 'desc' } }),
      }),
      liveStream: t.prismaField({
        type: LiveStream,
        nullable: true,
        args: { id: t.arg.globalID({ required: true, for: LiveStream }) },
        resolve: (query, _root, { id }) => prisma.stream.findUnique({ ...query, where: { id: BigInt(id.id) } }),
      }),
    }),
  });
  return builder.toSchema();
}

function createBuilder(prisma: PrismaClient) {
  return new SchemaBuilder<{
    PrismaTypes: PrismaTypes;
    DefaultFieldNullability: false;
    DefaultEdgesNullability: false;
    DefaultNodeNullability: false;
    Scalars: { DateTime: { Input: Date; Output: Date } };
    // Our own builder adds this plugin, and its options, to the types of every builder.
    AuthScopes: Record<never, boolean>;
  }>({
    plugins: [RelayPlugin, PrismaPlugin],
    defaultFieldNullability: false,
    scopeAuth: { authScopes: () => ({}) },
    relay: { edgesFieldOptions: { nullable: false }, nodeFieldOptions: { nullable: false } },
    prisma: {
      client: prisma,
      dmmf: getDatamodel(),
      maxConnectionSize: PAGE_SIZE_MAX,
      defaultConnectionSize: PAGE_SIZE_DEFAULT,
      onUnusedQuery: null,
    },
  });
}
