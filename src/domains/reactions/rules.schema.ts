import { builder } from '../../graphql/builder.ts';
import { toRowId } from '../../graphql/global-id.ts';
import { implementNode } from '../../graphql/node.ts';
import { topics } from '../../live/topics.ts';
import { CreatorType } from '../creators/creators.schema.ts';
import { GiftType } from '../gifts/gifts.schema.ts';
import { RULES_MAX } from './reactions.limits.ts';
import type { RuleRow } from './rules.repo.ts';

/** A rule. */
export const ReactionRuleType = builder.objectRef<RuleRow>('ReactionRule');
implementNode(ReactionRuleType, {
  description: 'What a creator does for a gift: for so many in one call, or for a streak that reaches so many.',
  loadMany: (ids, { services }) => ids.map((id) => services.reactions.rules.find(toRowId(id) ?? 0n)),
  fields: (t) => ({
    gift: t.field({
      type: GiftType,
      public: true,
      description: 'For which kind of gift.',
      resolve: ({ giftId, giftName, giftCoins }) => ({ id: giftId, name: giftName, coins: giftCoins }),
    }),
    minQuantity: t.exposeInt('minQuantity', {
      nullable: true,
      public: true,
      description: 'For so many of them in one call, or more; null when it is about streaks.',
    }),
    minStreak: t.exposeInt('minStreak', {
      nullable: true,
      public: true,
      description: 'When a streak of them reaches so many; null when it is about calls.',
    }),
    phrase: t.exposeString('phrase', { public: true, description: 'What the creator says.' }),
    animation: t.exposeString('animation', {
      nullable: true,
      public: true,
      description: 'The name of the animation that goes with it.',
    }),
    sound: t.exposeString('sound', {
      nullable: true,
      public: true,
      description: 'The name of the sound that goes with it.',
    }),
    priority: t.exposeInt('priority', { public: true, description: 'Higher goes first in the queue.' }),
    cooldownMs: t.exposeInt('cooldownMs', {
      public: true,
      description: 'For how long it rests in a stream after it has brought a reaction, in milliseconds.',
    }),
    durationMs: t.exposeInt('durationMs', { public: true, description: 'How long performing takes, in milliseconds.' }),
    active: t.exposeBoolean('active', { public: true, description: 'Whether it is in force; false for good.' }),
  }),
});

builder.objectField(CreatorType, 'reactionRules', (t) =>
  t.field({
    type: [ReactionRuleType],
    public: true,
    description: `What they do for which gifts, oldest rule first; ${RULES_MAX} at the most.`,
    resolve: ({ id }, _args, { services, shown }) => {
      shown?.add(topics.reactionRules(id)).add(topics.catalogue);
      return services.reactions.rules.of(id);
    },
  }),
);
