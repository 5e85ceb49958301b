import { z } from 'zod';
import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { assert } from '../../kernel/assert.ts';
import { ForbiddenError, IdempotencyConflictError, NotFoundError } from '../../kernel/errors.ts';
import {
  ASSET_NAME,
  COOLDOWN_MS_MAX,
  DURATION_MS_DEFAULT,
  DURATION_MS_MAX,
  DURATION_MS_MIN,
  MIN_QUANTITY_MAX,
  MIN_STREAK_MAX,
  MIN_STREAK_MIN,
  PHRASE_LENGTH_MAX,
  PRIORITY_MAX,
  RULES_MAX,
} from './reactions.limits.ts';
import type { RuleRow } from './rules.repo.ts';
import { ReactionRuleType } from './rules.schema.ts';

const assetName = z.string().regex(ASSET_NAME, 'Has 1 to 50 of a–z, 0–9, "_" and "-".');
const wholeNumber = (min: number, max: number) =>
  z.number().int().min(min, `Must be at least ${min}.`).max(max, `Must be ${max} at the most.`);
const minQuantity = rules.count(MIN_QUANTITY_MAX).nullish();
const minStreak = wholeNumber(MIN_STREAK_MIN, MIN_STREAK_MAX).nullish();
const fields = {
  phrase: rules.text(PHRASE_LENGTH_MAX),
  animation: assetName.nullish(),
  sound: assetName.nullish(),
  priority: wholeNumber(-PRIORITY_MAX, PRIORITY_MAX),
  cooldownMs: wholeNumber(0, COOLDOWN_MS_MAX),
  durationMs: wholeNumber(DURATION_MS_MIN, DURATION_MS_MAX),
};
const oneMinimum = (input: Record<string, unknown>) => input.minQuantity == null || input.minStreak == null;
const ONE_MINIMUM = { path: ['minStreak'], message: 'A rule has either this or minQuantity.' };

const text = {
  gift: 'Global id of a kind of gift.',
  minQuantity: `So many in one call, or more: 1 to ${MIN_QUANTITY_MAX}.`,
  minStreak: `When a streak reaches so many: ${MIN_STREAK_MIN} to ${MIN_STREAK_MAX}. Instead of minQuantity.`,
  phrase: `What you say, 1 to ${PHRASE_LENGTH_MAX} characters.`,
  animation: 'The name of an animation, as your front end knows it: 1 to 50 of a–z, 0–9, "_" and "-".',
  sound: 'The name of a sound, likewise.',
  priority: `Higher goes first in the queue; -${PRIORITY_MAX} to ${PRIORITY_MAX}.`,
  cooldownMs: `For how long it rests in a stream after it has brought a reaction, 0 to ${COOLDOWN_MS_MAX} milliseconds.`,
  durationMs: `How long performing takes, ${DURATION_MS_MIN} to ${DURATION_MS_MAX} milliseconds.`,
};

const ruleField = {
  type: ReactionRuleType,
  description: 'The rule.',
} as const;

async function ruleOf(ruleId: bigint, find: (id: bigint) => Promise<RuleRow | null>): Promise<RuleRow> {
  const rule = await find(ruleId);
  assert(rule, `rule ${ruleId} exists`);
  return rule;
}

// ---- createReactionRule ------------------------------------------------------------------------------------------------

const CreateReactionRuleInput = builder.inputType('CreateReactionRuleInput', {
  description: 'The rule to make.',
  validate: rules
    .input({ ...fields, minQuantity, minStreak, idempotencyKey: rules.idempotencyKey })
    .refine(oneMinimum, ONE_MINIMUM),
  fields: (t) => ({
    giftId: t.id({ required: true, description: text.gift }),
    minQuantity: t.int({ description: `${text.minQuantity} 1, if there is no minStreak either.` }),
    minStreak: t.int({ description: text.minStreak }),
    phrase: t.string({ required: true, description: text.phrase }),
    animation: t.string({ description: text.animation }),
    sound: t.string({ description: text.sound }),
    priority: t.int({ required: true, defaultValue: 0, description: text.priority }),
    cooldownMs: t.int({ required: true, defaultValue: 0, description: text.cooldownMs }),
    durationMs: t.int({ required: true, defaultValue: DURATION_MS_DEFAULT, description: text.durationMs }),
    idempotencyKey: t.string({
      required: true,
      description: 'Your name for this rule, 1 to 64 characters: repeat the call with it as often as you like.',
    }),
  }),
});

const CreateReactionRuleSuccess = builder
  .objectRef<{ ruleId: bigint; replayed: boolean }>('CreateReactionRuleSuccess')
  .implement({
    description: 'The rule is in force.',
    fields: (t) => ({
      rule: t.field({
        ...ruleField,
        resolve: ({ ruleId }, _args, { services }) => ruleOf(ruleId, services.reactions.rules.find),
      }),
      replayed: t.exposeBoolean('replayed', {
        description: 'True if an earlier call with this key had made it already.',
      }),
    }),
  });

builder.mutationField('createReactionRule', (t) =>
  t.field({
    type: CreateReactionRuleSuccess,
    description: `Says what you do for a gift. You may do so before you go live; ${RULES_MAX} rules at the most.`,
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: CreateReactionRuleInput, required: true, description: 'The rule.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, IdempotencyConflictError],
      union: { description: 'What `createReactionRule` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.reactions.rules.create(requireActor(context), {
        giftId: fromGlobalId('Gift', input.giftId, 'gift'),
        minQuantity: input.minStreak == null ? (input.minQuantity ?? 1) : null,
        minStreak: input.minStreak ?? null,
        phrase: input.phrase.trim(),
        animation: input.animation ?? null,
        sound: input.sound ?? null,
        priority: input.priority,
        cooldownMs: input.cooldownMs,
        durationMs: input.durationMs,
        idempotencyKey: input.idempotencyKey,
      }),
  }),
);

// ---- updateReactionRule ------------------------------------------------------------------------------------------------

const UpdateReactionRuleInput = builder.inputType('UpdateReactionRuleInput', {
  description: 'What is to change of a rule. What is left out stays as it is.',
  validate: rules
    .input({
      minQuantity,
      minStreak,
      phrase: fields.phrase.nullish(),
      animation: fields.animation,
      sound: fields.sound,
      priority: fields.priority.nullish(),
      cooldownMs: fields.cooldownMs.nullish(),
      durationMs: fields.durationMs.nullish(),
    })
    .refine(oneMinimum, ONE_MINIMUM),
  fields: (t) => ({
    ruleId: t.id({ required: true, description: 'Global id of a rule of yours.' }),
    giftId: t.id({ description: text.gift }),
    minQuantity: t.int({ description: `${text.minQuantity} Takes the place of minStreak.` }),
    minStreak: t.int({ description: `${text.minStreak} Takes its place.` }),
    phrase: t.string({ description: text.phrase }),
    animation: t.string({ description: `${text.animation} Null: none.` }),
    sound: t.string({ description: `${text.sound} Null: none.` }),
    priority: t.int({ description: text.priority }),
    cooldownMs: t.int({ description: text.cooldownMs }),
    durationMs: t.int({ description: text.durationMs }),
  }),
});

const UpdateReactionRuleSuccess = builder.objectRef<{ ruleId: bigint }>('UpdateReactionRuleSuccess').implement({
  description: 'The rule is changed, for gifts from now on.',
  fields: (t) => ({
    rule: t.field({
      ...ruleField,
      resolve: ({ ruleId }, _args, { services }) => ruleOf(ruleId, services.reactions.rules.find),
    }),
  }),
});

builder.mutationField('updateReactionRule', (t) =>
  t.field({
    type: UpdateReactionRuleSuccess,
    description:
      'Changes a rule of yours. What waits already stays as it is. Safe to repeat: it says what is to be, not what is to be added.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: UpdateReactionRuleInput, required: true, description: 'The change.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError],
      union: { description: 'What `updateReactionRule` returns.' },
    },
    resolve: async (_root, { input }, context) => {
      const ruleId = fromGlobalId('ReactionRule', input.ruleId, 'rule');
      await context.services.reactions.rules.update(requireActor(context), ruleId, {
        giftId: input.giftId == null ? undefined : fromGlobalId('Gift', input.giftId, 'gift'),
        minQuantity: input.minQuantity ?? undefined,
        minStreak: input.minStreak ?? undefined,
        phrase: input.phrase?.trim(),
        animation: input.animation,
        sound: input.sound,
        priority: input.priority ?? undefined,
        cooldownMs: input.cooldownMs ?? undefined,
        durationMs: input.durationMs ?? undefined,
      });
      return { ruleId };
    },
  }),
);

// ---- deleteReactionRule ------------------------------------------------------------------------------------------------

const DeleteReactionRuleInput = builder.inputType('DeleteReactionRuleInput', {
  description: 'Which rule.',
  fields: (t) => ({ ruleId: t.id({ required: true, description: 'Global id of a rule of yours.' }) }),
});

const DeleteReactionRuleSuccess = builder
  .objectRef<{ ruleId: bigint; replayed: boolean }>('DeleteReactionRuleSuccess')
  .implement({
    description: 'The rule is out of force.',
    fields: (t) => ({
      rule: t.field({
        ...ruleField,
        resolve: ({ ruleId }, _args, { services }) => ruleOf(ruleId, services.reactions.rules.find),
      }),
      replayed: t.exposeBoolean('replayed', { description: 'True if it was so before.' }),
    }),
  });

builder.mutationField('deleteReactionRule', (t) =>
  t.field({
    type: DeleteReactionRuleSuccess,
    description:
      'Takes a rule of yours out of force, for good. What waits because of it is still performed or skipped. Again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: DeleteReactionRuleInput, required: true, description: 'The rule.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError],
      union: { description: 'What `deleteReactionRule` returns.' },
    },
    resolve: async (_root, { input }, context) => {
      const ruleId = fromGlobalId('ReactionRule', input.ruleId, 'rule');
      return { ruleId, ...(await context.services.reactions.rules.delete(requireActor(context), ruleId)) };
    },
  }),
);
