import type { Prisma } from '../../generated/prisma/client.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { toRowId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { CreatorEarningsType } from '../wallet/wallet.schema.ts';

/** A viewer who goes live. */
export const CreatorType = builder.prismaNode('Creator', {
  description: 'A person who goes live and earns diamonds.',
  id: { field: 'id', description: 'Global id.' },
  findUnique: (id) => ({ id: toRowId(id) ?? 0n }),
  nullable: true,
  select: { viewerId: true },
  fields: (t) => ({
    handle: t.string({
      description: 'Their unique name.',
      select: { viewer: { select: { handle: true } } },
      resolve: ({ viewer }) => viewer.handle,
    }),
    displayName: t.string({
      description: 'The name to show.',
      select: { viewer: { select: { displayName: true } } },
      resolve: ({ viewer }) => viewer.displayName,
    }),
    earnings: t.field({
      type: CreatorEarningsType,
      nullable: true,
      description: 'Their diamonds; null to everybody but themselves.',
      resolve: (creator, _args, context) =>
        context.actor?.id === creator.viewerId ? context.services.wallets.earnings(creator.id) : null,
      select: { id: true, viewerId: true },
    }),
  }),
});

builder.queryField('creator', (t) =>
  t.prismaField({
    type: CreatorType,
    nullable: true,
    description: 'A creator by handle.',
    args: {
      handle: t.arg.string({ required: true, description: 'Their unique name, without "@".', validate: rules.lookup }),
    },
    resolve: (query, _root, { handle }, context) =>
      context.services.db.prisma.creator.findFirst({ ...query, where: { viewer: { handle: handle.toLowerCase() } } }),
  }),
);

builder.queryField('creators', (t) =>
  t.prismaConnection(
    {
      type: CreatorType,
      cursor: 'id',
      description: 'All creators, oldest first.',
      args: {
        search: t.arg.string({
          description: 'Only those whose handle or name contains this text.',
          validate: rules.lookup,
        }),
      },
      totalCount: (_connection, { search }, context) =>
        context.services.db.prisma.creator.count({ where: matching(search) }),
      resolve: (query, _root, { search }, context) =>
        context.services.db.prisma.creator.findMany({ ...query, where: matching(search), orderBy: { id: 'asc' } }),
    },
    connectionOf('CreatorConnection', 'creators'),
    { name: 'CreatorEdge', description: 'A creator and its place in the list.' },
  ),
);

function matching(search: string | null | undefined): Prisma.CreatorWhereInput {
  // Prisma passes the wildcards of LIKE through.
  const contains = search?.trim().replace(/[\\%_]/g, '\\$&');
  if (!contains) return {};
  return {
    viewer: {
      OR: [{ handle: { contains, mode: 'insensitive' } }, { displayName: { contains, mode: 'insensitive' } }],
    },
  };
}
