import { z } from 'zod';
import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId, toGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import { ViewerType } from './accounts.schema.ts';
import type { Age } from './ages.repo.ts';

/** Characters of why an operator corrects something. */
const REASON_LENGTH_MAX = 200;

/** A region as the API takes it. */
export const regionRule = z
  .string()
  .regex(/^[A-Z]{2}$/, 'Must be an ISO 3166-1 alpha-2 code in capital letters: "AE".');

builder.prismaObjectFields(ViewerType, (t) => ({
  ageConfirmed: t.boolean({
    description: 'Whether your date of birth is known: your identity provider has said it, or you have (`confirmAge`).',
    select: { birthDate: true },
    resolve: ({ birthDate }) => birthDate !== null,
  }),
  region: t.exposeString('region', {
    nullable: true,
    description: 'Where you live, as ISO 3166-1 alpha-2; null when that is not known.',
  }),
  giftsAllowedFrom: t.expose('giftsFrom', {
    type: 'DateTime',
    nullable: true,
    description:
      'From when on you may send gifts: when you are old enough for your region. Null is never, as far as we know: your age is not confirmed, or your region does not allow it.',
  }),
}));

const AgeType = builder.objectRef<Age>('DeclaredAge').implement({
  description: 'How old a viewer is and where they live, as declared. Only operators see it of others.',
  fields: (t) => ({
    viewerId: t.id({
      description: 'Global id of the viewer.',
      resolve: ({ viewerId }) => toGlobalId('Viewer', viewerId),
    }),
    birthDate: t.expose('birthDate', { type: 'Date', nullable: true, description: 'The date of birth.' }),
    region: t.exposeString('region', { nullable: true, description: 'ISO 3166-1 alpha-2.' }),
    giftsAllowedFrom: t.expose('giftsFrom', {
      type: 'DateTime',
      nullable: true,
      description: 'From when on they may send gifts; null is never, as far as we know.',
    }),
  }),
});

// ---- confirmAge --------------------------------------------------------------------------------------------------------

const ConfirmAgeInput = builder.inputType('ConfirmAgeInput', {
  description: 'How old you are, and where you live.',
  validate: rules.input({ region: regionRule.nullish() }),
  fields: (t) => ({
    birthDate: t.field({ type: 'Date', required: true, description: 'Your date of birth.' }),
    region: t.string({ description: 'Where you live: ISO 3166-1 alpha-2, "AE".' }),
  }),
});

const ConfirmAgeSuccess = builder.objectRef<Age & { replayed: boolean }>('ConfirmAgeSuccess').implement({
  description: 'Your declaration is kept.',
  fields: (t) => ({
    viewer: t.prismaField({
      type: ViewerType,
      description: 'You.',
      resolve: (query, { viewerId }, _args, { services }) =>
        services.db.prisma.viewer.findUniqueOrThrow({ ...query, where: { id: viewerId } }),
    }),
    replayed: t.exposeBoolean('replayed', { description: 'True if it was declared before.' }),
  }),
});

builder.mutationField('confirmAge', (t) =>
  t.field({
    type: ConfirmAgeSuccess,
    description:
      'Declares your date of birth and region, once. The same again changes nothing, and a region may be added later; something else is refused.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: ConfirmAgeInput, required: true, description: 'Your declaration.' }) },
    errors: { types: [...commonErrors, ForbiddenError], union: { description: 'What `confirmAge` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.accounts.ages.confirm(requireActor(context).id, {
        birthDate: input.birthDate,
        region: input.region ?? undefined,
      }),
  }),
);

// ---- correctAge --------------------------------------------------------------------------------------------------------

const CorrectAgeInput = builder.inputType('CorrectAgeInput', {
  description: 'What is right.',
  validate: rules.input({ region: regionRule.nullish(), reason: rules.text(REASON_LENGTH_MAX) }),
  fields: (t) => ({
    viewerId: t.id({ required: true, description: 'Global id of the viewer, as in their PublicProfile.' }),
    birthDate: t.field({ type: 'Date', required: true, description: 'Their date of birth.' }),
    region: t.string({ description: 'Where they live: ISO 3166-1 alpha-2; null or nothing when that is not known.' }),
    reason: t.string({
      required: true,
      description: `Why, for whoever looks at it later; 1 to ${REASON_LENGTH_MAX} characters.`,
    }),
  }),
});

const CorrectAgeSuccess = builder.objectRef<Age & { replayed: boolean }>('CorrectAgeSuccess').implement({
  description: 'It is corrected.',
  fields: (t) => ({
    age: t.field({ type: AgeType, description: 'What holds now.', resolve: (age) => age }),
    replayed: t.exposeBoolean('replayed', { description: 'True if it was so before.' }),
  }),
});

builder.mutationField('correctAge', (t) =>
  t.field({
    type: CorrectAgeSuccess,
    description:
      'For operators: corrects what a viewer, or their identity provider, has declared. It is noted who did, and why.',
    authScopes: { operator: true },
    args: { input: t.arg({ type: CorrectAgeInput, required: true, description: 'The correction.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError],
      union: { description: 'What `correctAge` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.accounts.ages.correct(requireActor(context), fromGlobalId('Viewer', input.viewerId, 'viewer'), {
        birthDate: input.birthDate,
        region: input.region ?? null,
        reason: input.reason.trim(),
      }),
  }),
);
