import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import type { CreatorRow } from './creators.repo.ts';
import { CreatorType } from './creators.schema.ts';

builder.objectField(CreatorType, 'isFollowed', (t) =>
  t.boolean({
    description: 'Whether you follow them; false when you are not signed in.',
    resolve: ({ id }, _args, { actor, services }) =>
      actor ? services.creators.follows.isFollowed({ creatorId: id, viewerId: actor.id }) : false,
  }),
);

const creatorIdField = { required: true, description: 'Global id of a creator.' } as const;

const FollowCreatorInput = builder.inputType('FollowCreatorInput', {
  description: 'Whom to follow.',
  fields: (t) => ({ creatorId: t.id(creatorIdField) }),
});

const FollowCreatorSuccess = builder
  .objectRef<{ creator: CreatorRow; replayed: boolean }>('FollowCreatorSuccess')
  .implement({
    description: 'You follow them.',
    fields: (t) => ({
      creator: t.expose('creator', { type: CreatorType, description: 'The creator.' }),
      replayed: t.exposeBoolean('replayed', { description: 'True if you did before.' }),
    }),
  });

builder.mutationField('followCreator', (t) =>
  t.field({
    type: FollowCreatorSuccess,
    description: 'Follows a creator: what is for followers is for you from then on. Doing so again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: FollowCreatorInput, required: true, description: 'The creator.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError],
      union: { description: 'What `followCreator` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.creators.follows.follow(
        requireActor(context),
        fromGlobalId('Creator', input.creatorId, 'creator'),
      ),
  }),
);

const UnfollowCreatorInput = builder.inputType('UnfollowCreatorInput', {
  description: 'Whom to follow no longer.',
  fields: (t) => ({ creatorId: t.id(creatorIdField) }),
});

const UnfollowCreatorSuccess = builder
  .objectRef<{ creator: CreatorRow; replayed: boolean }>('UnfollowCreatorSuccess')
  .implement({
    description: 'You do not follow them.',
    fields: (t) => ({
      creator: t.expose('creator', { type: CreatorType, description: 'The creator.' }),
      replayed: t.exposeBoolean('replayed', { description: 'True if you did not before, either.' }),
    }),
  });

builder.mutationField('unfollowCreator', (t) =>
  t.field({
    type: UnfollowCreatorSuccess,
    description: 'Follows a creator no longer. Doing so again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: UnfollowCreatorInput, required: true, description: 'The creator.' }) },
    errors: { types: [...commonErrors, NotFoundError], union: { description: 'What `unfollowCreator` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.creators.follows.unfollow(
        requireActor(context),
        fromGlobalId('Creator', input.creatorId, 'creator'),
      ),
  }),
);
