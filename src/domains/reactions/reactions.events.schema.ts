import { builder } from '../../graphql/builder.ts';
import { toGlobalId } from '../../graphql/global-id.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { PublicProfileType } from '../accounts/accounts.schema.ts';
import { LiveEventInterface } from '../streams/live-event.schema.ts';
import type {
  ReactionPayload,
  ReactionPerformedPayload,
  ReactionQueuedPayload,
  ReactionSkippedPayload,
} from './reactions.events.ts';

/** The fields that all events of a reaction have. */
function reactionFields<Payload extends ReactionPayload>(
  t: PothosSchemaTypes.ObjectFieldBuilder<
    typeof builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never,
    LiveEvent<string, Payload>
  >,
) {
  return {
    reactionId: t.id({
      public: true,
      description: 'Global id of the reaction.',
      resolve: (event) => toGlobalId('Reaction', event.payload.reactionId),
    }),
    reaction: t.string({ public: true, description: 'The phrase.', resolve: (event) => event.payload.reaction }),
    animation: t.string({
      nullable: true,
      public: true,
      description: 'The name of the animation that goes with it.',
      resolve: (event) => event.payload.animation,
    }),
    sound: t.string({
      nullable: true,
      public: true,
      description: 'The name of the sound that goes with it.',
      resolve: (event) => event.payload.sound,
    }),
    sender: t.field({
      type: PublicProfileType,
      public: true,
      description: 'Whose gift it is for.',
      resolve: (event) => event.payload.sender,
    }),
    giftSeq: t.field({
      type: 'SafeInt',
      public: true,
      description: 'The `seq` of that gift’s `GiftSent`.',
      resolve: (event) => event.payload.giftSeq,
    }),
  };
}

builder.objectRef<LiveEvent<'REACTION_QUEUED', ReactionQueuedPayload>>('ReactionQueued').implement({
  description: 'A gift has earned a reaction, which waits for its turn. Comes right behind the `GiftSent`.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    ...reactionFields(t),
    position: t.int({
      public: true,
      description: 'Its place in the queue then: 1 is performed next. One of a higher priority may still go before it.',
      resolve: (event) => event.payload.position,
    }),
    etaMs: t.int({
      public: true,
      description: 'How long what waits before it takes, in milliseconds.',
      resolve: (event) => event.payload.etaMs,
    }),
  }),
});

builder.objectRef<LiveEvent<'REACTION_PERFORMED', ReactionPerformedPayload>>('ReactionPerformed').implement({
  description: 'The creator plays a reaction.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    ...reactionFields(t),
    durationMs: t.int({
      public: true,
      description: 'How long it takes, in milliseconds.',
      resolve: (event) => event.payload.durationMs,
    }),
  }),
});

builder.objectRef<LiveEvent<'REACTION_SKIPPED', ReactionSkippedPayload>>('ReactionSkipped').implement({
  description: 'A reaction will not be played. Its gift is paid back, which `GiftReversed` says, too.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    ...reactionFields(t),
    coins: t.field({
      type: 'SafeInt',
      public: true,
      description: 'The coins that the viewer has back for it; 0 if the gift had been taken back before.',
      resolve: (event) => event.payload.coins,
    }),
  }),
});
