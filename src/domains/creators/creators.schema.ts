import { builder } from '../../graphql/builder.ts';
import { connectionOf, keysetConnection } from '../../graphql/connection.ts';
import { toRowId } from '../../graphql/global-id.ts';
import { implementNode } from '../../graphql/node.ts';
import { rules } from '../../graphql/rules.ts';
import { topics } from '../../live/topics.ts';
import { CreatorEarningsType } from '../wallet/wallet.schema.ts';
import type { CreatorRow } from './creators.repo.ts';

/** A viewer who goes live. */
export const CreatorType = builder.objectRef<CreatorRow>('Creator');
implementNode(CreatorType, {
  description: 'A person who goes live and earns diamonds.',
  loadMany: (ids, { services }) => ids.map((id) => services.creators.find(toRowId(id) ?? 0n)),
  fields: (t) => ({
    handle: t.exposeString('handle', { public: true, description: 'Their unique name.' }),
    displayName: t.exposeString('displayName', { public: true, description: 'The name to show.' }),
    earnings: t.field({
      type: CreatorEarningsType,
      nullable: true,
      description: 'Their diamonds; null to everybody but themselves.',
      resolve: (creator, _args, context) =>
        context.actor?.id === creator.viewerId ? context.services.wallets.earnings(creator.id) : null,
    }),
  }),
});

builder.queryField('creator', (t) =>
  t.field({
    type: CreatorType,
    nullable: true,
    public: true,
    description: 'A creator by handle.',
    args: {
      handle: t.arg.string({ required: true, description: 'Their unique name, without "@".', validate: rules.lookup }),
    },
    resolve: (_root, { handle }, { services, shown }) => {
      shown?.add(topics.creators);
      return services.creators.findByHandle(handle);
    },
  }),
);

builder.queryField('creators', (t) =>
  t.connection(
    {
      type: CreatorType,
      public: true,
      description: 'All creators, oldest first.',
      args: {
        search: t.arg.string({
          description: 'Only those whose handle or name contains this text.',
          validate: rules.lookup,
        }),
      },
      resolve: (_root, { search, ...page }, { services, shown }) => {
        shown?.add(topics.creators);
        return keysetConnection(page, {
          page: (keyset) => services.creators.page(keyset, search),
          count: () => services.creators.count(search),
        });
      },
    },
    connectionOf('CreatorConnection', 'creators'),
    { name: 'CreatorEdge', description: 'A creator and its place in the list.' },
  ),
);
