import { z } from 'zod';
import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import { PHRASE_LENGTH_MAX, WORDS_MAX, WORDS_PER_CALL_MAX } from './blocked-words.ts';
import { toWhere } from './moderation.schema.ts';
import { EVERYWHERE } from './restrictions.repo.ts';

const errors = { types: [...commonErrors, NotFoundError, ForbiddenError] };
const phrasesRule = z
  .array(rules.text(PHRASE_LENGTH_MAX))
  .min(1, 'Must not be empty.')
  .max(WORDS_PER_CALL_MAX, `At most ${WORDS_PER_CALL_MAX} at a time.`);
const creatorIdField = {
  description: 'Global id of a creator; left out by operators: the list of the whole platform.',
} as const;
const phrasesField = {
  required: true,
  description: `Words and phrases, 1 to ${WORDS_PER_CALL_MAX}, of ${PHRASE_LENGTH_MAX} characters at the most.`,
} as const;

builder.queryField('blockedWords', (t) =>
  t.stringList({
    description:
      'Words and phrases that may not be said in a creator’s chat, oldest first, for those who moderate there; without a creator in any chat, for operators.',
    authScopes: { signedIn: true },
    args: { creatorId: t.arg.id({ description: 'Global id of a creator.' }) },
    resolve: (_root, { creatorId }, context) =>
      context.services.moderation.words.list(requireActor(context), toWhere({ creatorId }).creatorId ?? EVERYWHERE),
  }),
);

const BlockWordsInput = builder.inputType('BlockWordsInput', {
  description: 'What may not be said, and where.',
  validate: rules.input({ phrases: phrasesRule }),
  fields: (t) => ({ creatorId: t.id(creatorIdField), phrases: t.stringList(phrasesField) }),
});

const BlockWordsSuccess = builder.objectRef<{ blockedWords: string[] }>('BlockWordsSuccess').implement({
  description: 'They are blocked.',
  fields: (t) => ({
    blockedWords: t.exposeStringList('blockedWords', { description: 'The whole list, oldest first.' }),
  }),
});

builder.mutationField('blockWords', (t) =>
  t.field({
    type: BlockWordsSuccess,
    description: `Blocks words and phrases in chat from now on: whole words, whatever their case, diacritics, vowel signs, forms of alef or width. ${WORDS_MAX} at the most. A creator's list is not for the creator and moderators, the platform's is for everybody. For the creator, their moderators and operators. Doing so again changes nothing.`,
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: BlockWordsInput, required: true, description: 'The words.' }) },
    errors: { ...errors, union: { description: 'What `blockWords` returns.' } },
    resolve: async (_root, { input }, context) => {
      const creatorId = toWhere({ creatorId: input.creatorId }).creatorId ?? EVERYWHERE;
      const phrases = input.phrases.map((phrase) => phrase.trim());
      return { blockedWords: await context.services.moderation.words.block(requireActor(context), creatorId, phrases) };
    },
  }),
);

const UnblockWordsInput = builder.inputType('UnblockWordsInput', {
  description: 'What may be said again, and where.',
  validate: rules.input({ phrases: phrasesRule }),
  fields: (t) => ({ creatorId: t.id(creatorIdField), phrases: t.stringList(phrasesField) }),
});

const UnblockWordsSuccess = builder.objectRef<{ blockedWords: string[] }>('UnblockWordsSuccess').implement({
  description: 'They are not blocked.',
  fields: (t) => ({
    blockedWords: t.exposeStringList('blockedWords', { description: 'What is still on the list, oldest first.' }),
  }),
});

builder.mutationField('unblockWords', (t) =>
  t.field({
    type: UnblockWordsSuccess,
    description:
      'Takes words and phrases off a list, in whatever spelling counts as the same. For the creator, their moderators and operators. Doing so again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: UnblockWordsInput, required: true, description: 'The words.' }) },
    errors: { ...errors, union: { description: 'What `unblockWords` returns.' } },
    resolve: async (_root, { input }, context) => {
      const creatorId = toWhere({ creatorId: input.creatorId }).creatorId ?? EVERYWHERE;
      const phrases = input.phrases.map((phrase) => phrase.trim());
      const { words } = context.services.moderation;
      return { blockedWords: await words.unblock(requireActor(context), creatorId, phrases) };
    },
  }),
);
