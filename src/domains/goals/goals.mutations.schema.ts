import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, IdempotencyConflictError, NotFoundError } from '../../kernel/errors.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import { GoalStateError } from './goals.errors.ts';
import { GoalKindEnum, GoalType } from './goals.schema.ts';
import { GOAL_TARGET_MAX, GOAL_TITLE_LENGTH_MAX, OPEN_GOALS_MAX } from './goals.service.ts';

type Changed = { goalId: bigint; replayed: boolean };

// ---- startGoal ---------------------------------------------------------------------------------------------------------

const StartGoalInput = builder.inputType('StartGoalInput', {
  description: 'The goal to begin.',
  validate: rules.input({
    title: rules.text(GOAL_TITLE_LENGTH_MAX),
    target: rules.count(GOAL_TARGET_MAX),
    idempotencyKey: rules.idempotencyKey,
  }),
  fields: (t) => ({
    streamId: t.id({ required: true, description: 'Global id of a live stream of yours.' }),
    kind: t.field({ type: GoalKindEnum, required: true, description: 'What counts.' }),
    giftId: t.id({ description: 'Global id of the kind of gift that counts: for GIFTS, and only then.' }),
    title: t.string({
      required: true,
      description: `What it is for, 1 to ${GOAL_TITLE_LENGTH_MAX} characters.`,
    }),
    target: t.field({
      type: 'SafeInt',
      required: true,
      description: `How many coins, gifts or purchases it takes, 1 to ${GOAL_TARGET_MAX}.`,
    }),
    idempotencyKey: t.string({
      required: true,
      description: 'Your name for this goal, 1 to 64 characters: repeat the call with it as often as you like.',
    }),
  }),
});

const StartGoalSuccess = builder.objectRef<Changed>('StartGoalSuccess').implement({
  description: 'The goal is open.',
  fields: (t) => ({
    goal: t.field({
      type: GoalType,
      description: 'The goal.',
      resolve: async ({ goalId }, _args, { services }) => (await services.goals.find(goalId))!,
    }),
    replayed: t.exposeBoolean('replayed', { description: 'True if an earlier call with this key had begun it.' }),
  }),
});

builder.mutationField('startGoal', (t) =>
  t.field({
    type: StartGoalSuccess,
    description: `Asks the crowd of your live stream for something; ${OPEN_GOALS_MAX} goals may be open at once. Counts from now on.`,
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: StartGoalInput, required: true, description: 'The goal.' }) },
    errors: {
      types: [
        ...commonErrors,
        NotFoundError,
        ForbiddenError,
        StreamNotLiveError,
        GoalStateError,
        IdempotencyConflictError,
      ],
      union: { description: 'What `startGoal` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.goals.startGoal(requireActor(context), {
        streamId: fromGlobalId('LiveStream', input.streamId, 'stream'),
        kind: input.kind,
        giftId: input.giftId == null ? null : fromGlobalId('Gift', input.giftId, 'gift'),
        title: input.title.trim(),
        target: Number(input.target),
        idempotencyKey: input.idempotencyKey,
      }),
  }),
);

// ---- endGoal -----------------------------------------------------------------------------------------------------------

const EndGoalInput = builder.inputType('EndGoalInput', {
  description: 'The goal to end.',
  fields: (t) => ({ goalId: t.id({ required: true, description: 'Global id of a goal in a stream of yours.' }) }),
});

const EndGoalSuccess = builder.objectRef<Changed>('EndGoalSuccess').implement({
  description: 'The goal is over.',
  fields: (t) => ({
    goal: t.field({
      type: GoalType,
      description: 'The goal.',
      resolve: async ({ goalId }, _args, { services }) => (await services.goals.find(goalId))!,
    }),
    replayed: t.exposeBoolean('replayed', { description: 'True if it had ended before.' }),
  }),
});

builder.mutationField('endGoal', (t) =>
  t.field({
    type: EndGoalSuccess,
    description: 'Ends a goal in your stream that is not reached. Ending it again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: EndGoalInput, required: true, description: 'The goal.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError, GoalStateError],
      union: { description: 'What `endGoal` returns.' },
    },
    resolve: async (_root, { input }, context) => {
      const goalId = fromGlobalId('Goal', input.goalId, 'goal');
      const { replayed } = await context.services.goals.endGoal(requireActor(context), goalId);
      return { goalId, replayed };
    },
  }),
);
