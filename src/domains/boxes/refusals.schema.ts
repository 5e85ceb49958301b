import { builder } from '../../graphql/builder.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { AgeRestrictedError, RegionRestrictedError } from '../gifts/gifts.errors.ts';
import { BannedError, MutedError } from '../moderation/moderation.errors.ts';
import { SpendingCapReachedError } from '../wallet/wallet.errors.ts';

builder.objectType(AgeRestrictedError, {
  name: 'AgeRestrictedError',
  description: 'You are too young to send gifts, or have not said how old you are.',
  interfaces: [ErrorInterface],
});
builder.objectType(RegionRestrictedError, {
  name: 'RegionRestrictedError',
  description: 'Gifts are not allowed in your region.',
  interfaces: [ErrorInterface],
});
builder.objectType(MutedError, {
  name: 'MutedError',
  description: 'A moderator has muted you for a while.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    until: t.expose('until', { type: 'DateTime', nullable: true, description: 'Until when; null: for good.' }),
  }),
});
builder.objectType(BannedError, {
  name: 'BannedError',
  description: 'You may not take part here.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    until: t.expose('until', { type: 'DateTime', nullable: true, description: 'Until when; null: for good.' }),
  }),
});
builder.objectType(SpendingCapReachedError, {
  name: 'SpendingCapReachedError',
  description: 'It would pass a cap that you have set. Nothing was spent.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    remaining: t.expose('remaining', { type: 'SafeInt', description: 'Coins that you may still spend under it.' }),
    resetsAt: t.expose('resetsAt', { type: 'DateTime', description: 'When it starts anew.' }),
  }),
});
