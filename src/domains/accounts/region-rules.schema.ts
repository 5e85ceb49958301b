import { z } from 'zod';
import { builder } from '../../graphql/builder.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import { regionRule } from './ages.schema.ts';
import type { RegionRule } from './region-rules.ts';

/** As the database checks it. */
const GIFT_AGE_MAX = 120;

const RegionRuleType = builder.objectRef<RegionRule>('RegionRule').implement({
  description: 'Where gifts are allowed, and from which age on.',
  fields: (t) => ({
    region: t.exposeString('region', {
      nullable: true,
      description:
        'ISO 3166-1 alpha-2; null is everywhere that has no rule of its own, and viewers of whom we do not know.',
    }),
    giftAgeMin: t.exposeInt('giftAgeMin', { description: 'Years of age from which on viewers may send gifts.' }),
    giftsAllowed: t.exposeBoolean('giftsAllowed', { description: 'Whether viewers there may send gifts at all.' }),
  }),
});

builder.queryField('regionRules', (t) =>
  t.field({
    type: [RegionRuleType],
    description: 'The rules of all regions, the one for everywhere else first. There are few: one list, no pages.',
    resolve: (_root, _args, { services }) => services.accounts.regions.list(),
  }),
);

const SetRegionRuleInput = builder.inputType('SetRegionRuleInput', {
  description: 'The rule of a region.',
  validate: rules.input({
    region: regionRule.nullish(),
    giftAgeMin: z
      .number()
      .int()
      .min(0, 'Must not be negative.')
      .max(GIFT_AGE_MAX, `Must be ${GIFT_AGE_MAX} at the most.`),
  }),
  fields: (t) => ({
    region: t.string({
      description: 'ISO 3166-1 alpha-2; null or nothing for everywhere that has no rule of its own.',
    }),
    giftAgeMin: t.int({ required: true, description: `Years of age, 0 to ${GIFT_AGE_MAX}.` }),
    giftsAllowed: t.boolean({ required: true, defaultValue: true, description: 'Whether gifts are allowed at all.' }),
  }),
});

const SetRegionRuleSuccess = builder.objectRef<{ rule: RegionRule }>('SetRegionRuleSuccess').implement({
  description: 'The rule holds, for everybody there.',
  fields: (t) => ({ rule: t.expose('rule', { type: RegionRuleType, description: 'The rule.' }) }),
});

builder.mutationField('setRegionRule', (t) =>
  t.field({
    type: SetRegionRuleSuccess,
    description:
      'For operators: sets where gifts are allowed and from which age on. Holds at once, also for viewers who have sent gifts before. Again changes nothing.',
    authScopes: { operator: true },
    args: { input: t.arg({ type: SetRegionRuleInput, required: true, description: 'The rule.' }) },
    errors: { types: [...commonErrors, ForbiddenError], union: { description: 'What `setRegionRule` returns.' } },
    resolve: async (_root, { input }, { services }) => ({
      rule: await services.accounts.regions.set({
        region: input.region ?? null,
        giftAgeMin: input.giftAgeMin,
        giftsAllowed: input.giftsAllowed,
      }),
    }),
  }),
);

const RemoveRegionRuleInput = builder.inputType('RemoveRegionRuleInput', {
  description: 'Whose rule is to go.',
  validate: rules.input({ region: regionRule }),
  fields: (t) => ({ region: t.string({ required: true, description: 'ISO 3166-1 alpha-2.' }) }),
});

const RemoveRegionRuleSuccess = builder.objectRef<{ rules: RegionRule[] }>('RemoveRegionRuleSuccess').implement({
  description: 'The region has no rule of its own.',
  fields: (t) => ({ rules: t.expose('rules', { type: [RegionRuleType], description: 'The rules that there are.' }) }),
});

builder.mutationField('removeRegionRule', (t) =>
  t.field({
    type: RemoveRegionRuleSuccess,
    description: 'For operators: takes a region’s own rule away, so that the one for everywhere else holds there.',
    authScopes: { operator: true },
    args: { input: t.arg({ type: RemoveRegionRuleInput, required: true, description: 'The region.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError],
      union: { description: 'What `removeRegionRule` returns.' },
    },
    resolve: async (_root, { input }, { services }) => {
      await services.accounts.regions.remove(input.region);
      return { rules: await services.accounts.regions.list() };
    },
  }),
);
