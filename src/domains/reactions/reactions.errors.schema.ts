import { builder } from '../../graphql/builder.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { ReactionQueueFullError } from './reactions.errors.ts';

builder.objectType(ReactionQueueFullError, {
  name: 'ReactionQueueFullError',
  description: 'As many reactions wait as fit. The gift was not sent and nothing was spent.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    retryAfterMs: t.exposeInt('retryAfterMs', { description: 'How long to wait, in milliseconds.' }),
  }),
});
