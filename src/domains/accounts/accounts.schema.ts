import { builder } from '../../graphql/builder.ts';
import { toGlobalId, toRowId } from '../../graphql/global-id.ts';
import { InvalidInputError } from '../../kernel/errors.ts';
import { WalletType } from '../wallet/wallet.schema.ts';
import type { Actor } from './accounts.api.ts';

/** The signed-in viewer. Others see a PublicProfile. */
export const ViewerType = builder.prismaNode('Viewer', {
  description: 'You. Nobody else can load it: other people are a PublicProfile.',
  id: {
    field: 'id',
    description: 'Global id; the same as in your PublicProfile.',
  },
  // An id that is not the caller's own finds nothing, like one that does not exist.
  findUnique: (id, context) => ({ id: toRowId(id) === context.actor?.id ? (context.actor?.id ?? 0n) : 0n }),
  nullable: true,
  fields: (t) => ({
    handle: t.exposeString('handle', { description: 'Your unique name.' }),
    displayName: t.exposeString('displayName', { description: 'The name that others read.' }),
    wallet: t.field({
      type: WalletType,
      description: 'Your coins.',
      select: { id: true },
      resolve: ({ id }, _args, { services }) => services.wallets.read(services.db.pool, id),
    }),
  }),
});

/** What everybody sees of a person. */
export const PublicProfileType = builder
  .objectRef<{ id: number | bigint | string; handle: string; displayName: string }>('PublicProfile')
  .implement({
    description: 'What everybody sees of a person.',
    fields: (t) => ({
      id: t.id({
        public: true,
        description: 'The same as the id of `me` for yourself: compare to find your own events.',
        resolve: (profile) => toGlobalId('Viewer', profile.id),
      }),
      handle: t.exposeString('handle', { public: true, description: 'Their unique name.' }),
      displayName: t.exposeString('displayName', { public: true, description: 'The name to show.' }),
    }),
  });

builder.queryField('me', (t) =>
  t.prismaField({
    type: ViewerType,
    nullable: true,
    description: 'The signed-in viewer; null without a valid token.',
    resolve: (query, _root, _args, context) =>
      context.actor
        ? context.services.db.prisma.viewer.findUnique({ ...query, where: { id: context.actor.id } })
        : null,
  }),
);

/** Adds `signIn`, which exists in demo mode only. Call it before the schema is built. */
export function addDemoSignIn(): void {
  const SignInInput = builder.inputType('SignInInput', {
    description: 'Who to sign in as.',
    fields: (t) => ({
      handle: t.string({ required: true, description: 'Any handle; the first sign-in makes the viewer. Try "layla".' }),
    }),
  });
  const SignInSuccess = builder
    .objectRef<{ token: string; expiresAt: Date; viewer: Actor }>('SignInSuccess')
    .implement({
      description: 'You are signed in.',
      fields: (t) => ({
        token: t.exposeString('token', {
          description: 'Send it as "Authorization: Bearer <token>", over WebSocket in the payload of connection_init.',
        }),
        expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the token ends.' }),
        viewer: t.prismaField({
          type: ViewerType,
          description: 'You.',
          resolve: (query, { viewer }, _args, context) =>
            context.services.db.prisma.viewer.findUniqueOrThrow({ ...query, where: { id: viewer.id } }),
        }),
      }),
    });
  builder.mutationField('signIn', (t) =>
    t.field({
      type: SignInSuccess,
      description:
        'Demo mode only: signs in as anybody, with a short-lived token. A server with an identity provider has no such field.',
      args: { input: t.arg({ type: SignInInput, required: true, description: 'Who to sign in as.' }) },
      errors: { types: [InvalidInputError], union: { description: 'What `signIn` returns.' } },
      resolve: (_root, { input }, context) => context.services.accounts.signIn(input.handle),
    }),
  );
}
