import { builder } from '../../graphql/builder.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { BannedError, MutedError } from './moderation.errors.ts';

builder.objectType(MutedError, {
  name: 'MutedError',
  description: 'A moderator has muted the viewer. Nothing was written or spent.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    until: t.expose('until', {
      type: 'DateTime',
      nullable: true,
      description: 'When the mute is over; null: it has no end.',
    }),
  }),
});

builder.objectType(BannedError, {
  name: 'BannedError',
  description: 'The viewer is banned here. Nothing was written or spent.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    until: t.expose('until', {
      type: 'DateTime',
      nullable: true,
      description: 'When the ban is over; null: it is for good.',
    }),
  }),
});
