import { z } from 'zod';
import { builder } from '../../graphql/builder.ts';
import { connectionOf, keysetConnection } from '../../graphql/connection.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId, toGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import { PublicProfileType } from '../accounts/accounts.schema.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import { toWhere } from './moderation.schema.ts';
import { REASON_LENGTH_MAX } from './moderation.service.ts';
import type { ReportRow } from './reports.repo.ts';

const noteRule = rules.text(REASON_LENGTH_MAX).nullish();

const ReportSubjectEnum = builder.enumType('ReportSubject', {
  description: 'What a report is about.',
  values: {
    STREAM: { description: 'A stream as a whole, and so its creator.' },
    VIEWER: { description: 'Somebody.' },
    CHAT_MESSAGE: { description: 'Something that was said in a chat.' },
  },
});
const ReportReasonEnum = builder.enumType('ReportReason', {
  description: 'Why something is reported.',
  values: {
    SPAM: { description: 'Advertising, floods, repetition.' },
    HARASSMENT: { description: 'Insults, threats, stalking.' },
    HATE: { description: 'Against people for what they are.' },
    VIOLENCE: { description: 'Violence, or a call for it.' },
    SEXUAL_CONTENT: { description: 'Sexual content.' },
    MINOR_SAFETY: { description: 'A child is in danger, or on air alone.' },
    SELF_HARM: { description: 'Somebody may harm themselves.' },
    SCAM: { description: 'Fraud, false promises, stolen identity.' },
    ILLEGAL_GOODS: { description: 'Things that may not be sold.' },
    OTHER: { description: 'Something else: see the note.' },
  },
});
const ReportStateEnum = builder.enumType('ReportState', {
  description: 'Where a report stands.',
  values: {
    OPEN: { description: 'Nobody has dealt with it yet.' },
    ACTED: { description: 'Something was done about it.' },
    DISMISSED: { description: 'Nothing was to be done.' },
  },
});
const ReportResolutionEnum = builder.enumType('ReportResolution', {
  description: 'What became of a report.',
  values: {
    ACTED: { description: 'Something was done about it.' },
    DISMISSED: { description: 'Nothing was to be done.' },
  },
});

const ReportType = builder.objectRef<ReportRow>('Report').implement({
  description: 'Somebody finds that something is against the rules.',
  fields: (t) => ({
    id: t.id({ description: 'Global id.', resolve: ({ id }) => toGlobalId('Report', id) }),
    subject: t.expose('subject', { type: ReportSubjectEnum, description: 'What it is about.' }),
    viewer: t.expose('viewer', { type: PublicProfileType, description: 'Who is reported.' }),
    stream: t.field({
      type: LiveStreamType,
      nullable: true,
      description: 'Which stream, or in which; null when it is about none.',
      resolve: ({ streamId }, _args, { services }) => (streamId === 0n ? null : services.streams.reads.find(streamId)),
    }),
    seq: t.field({
      type: 'SafeInt',
      nullable: true,
      description: 'The number of the chat message in the stream; null for other subjects.',
      resolve: ({ seq }) => (seq === 0n ? null : seq),
    }),
    quote: t.exposeString('quote', {
      nullable: true,
      description: 'What was said, or the title of the stream, when it was reported.',
    }),
    reason: t.expose('reason', { type: ReportReasonEnum, description: 'Why.' }),
    note: t.exposeString('note', { nullable: true, description: 'What the reporter adds.' }),
    reporter: t.field({
      type: PublicProfileType,
      nullable: true,
      description: 'Who reports: shown to the reporter and to operators, null to everybody else.',
      resolve: ({ reporter }, _args, { actor }) => (actor?.isOperator || actor?.id === reporter.id ? reporter : null),
    }),
    state: t.expose('state', { type: ReportStateEnum, description: 'Where it stands.' }),
    resolutionNote: t.string({
      nullable: true,
      description: 'What whoever dealt with it adds; null to the reporter unless they are an operator.',
      resolve: ({ resolutionNote, reporter }, _args, { actor }) =>
        actor?.isOperator || actor?.id !== reporter.id ? resolutionNote : null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was filed.' }),
    resolvedAt: t.expose('resolvedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When somebody dealt with it.',
    }),
  }),
});

// ---- reportContent -----------------------------------------------------------------------------------------------------

const ReportContentInput = builder.inputType('ReportContentInput', {
  description:
    'What is against the rules: a stream (`streamId`), somebody (`viewerId`, with `streamId` if it was in a stream), or a chat message (`streamId` and `seq`).',
  validate: rules.input({ note: noteRule, seq: z.number().int().min(1, 'Must be at least 1.').nullish() }),
  fields: (t) => ({
    streamId: t.id({ description: 'Global id of a stream.' }),
    viewerId: t.id({ description: 'Global id of a viewer.' }),
    seq: t.field({ type: 'SafeInt', description: 'The number of a chat message in the stream.' }),
    reason: t.field({ type: ReportReasonEnum, required: true, description: 'Why.' }),
    note: t.string({ description: `More about it, ${REASON_LENGTH_MAX} characters at the most.` }),
  }),
});

type Filed = { report: ReportRow; replayed: boolean };

const ReportContentSuccess = builder.objectRef<Filed>('ReportContentSuccess').implement({
  description: 'The report is filed.',
  fields: (t) => ({
    report: t.expose('report', { type: ReportType, description: 'The report.' }),
    replayed: t.exposeBoolean('replayed', {
      description: 'True if you had reported the same before: then it stands as it was filed then.',
    }),
  }),
});

builder.mutationField('reportContent', (t) =>
  t.field({
    type: ReportContentSuccess,
    description:
      'Reports a stream, somebody or a chat message, once per person and subject. Those who moderate the stream deal with it; what is about a stream or its creator, or about no stream, goes to the operators.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: ReportContentInput, required: true, description: 'The report.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError],
      union: { description: 'What `reportContent` returns.' },
    },
    resolve: (_root, { input }, context) => {
      const { streamId, viewerId, seq } = input;
      const isSubject = seq == null ? streamId != null || viewerId != null : streamId != null && viewerId == null;
      if (!isSubject) {
        const message = 'Name a stream, a viewer, or a stream and the seq of a chat message.';
        throw new InvalidInputError([{ path: 'input', message }]);
      }
      return context.services.moderation.reports.file(
        requireActor(context),
        {
          ...toWhere({ streamId }),
          viewerId: viewerId == null ? undefined : fromGlobalId('Viewer', viewerId, 'viewer'),
          seq: seq == null ? undefined : BigInt(seq),
        },
        { reason: input.reason, note: input.note?.trim() },
      );
    },
  }),
);

// ---- resolveReport -----------------------------------------------------------------------------------------------------

const ResolveReportInput = builder.inputType('ResolveReportInput', {
  description: 'What became of a report.',
  validate: rules.input({ note: noteRule }),
  fields: (t) => ({
    reportId: t.id({ required: true, description: 'Global id of the report.' }),
    resolution: t.field({ type: ReportResolutionEnum, required: true, description: 'What became of it.' }),
    note: t.string({ description: `More about it, ${REASON_LENGTH_MAX} characters at the most.` }),
  }),
});

const ResolveReportSuccess = builder.objectRef<Filed>('ResolveReportSuccess').implement({
  description: 'The report is closed.',
  fields: (t) => ({
    report: t.expose('report', { type: ReportType, description: 'The report.' }),
    replayed: t.exposeBoolean('replayed', {
      description: 'True if it was closed before: then it stays as it was closed then.',
    }),
  }),
});

builder.mutationField('resolveReport', (t) =>
  t.field({
    type: ResolveReportSuccess,
    description: 'Closes a report. For those who moderate the stream, unless it is about them, and for operators.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: ResolveReportInput, required: true, description: 'The resolution.' }) },
    errors: { types: [...commonErrors, NotFoundError], union: { description: 'What `resolveReport` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.moderation.reports.resolve(
        requireActor(context),
        fromGlobalId('Report', input.reportId, 'report'),
        { state: input.resolution, note: input.note?.trim() },
      ),
  }),
);

builder.queryField('reports', (t) =>
  t.connection(
    {
      type: ReportType,
      description:
        'Reports, oldest first: of a creator’s streams, for those who moderate there; without a creator all of them, for operators. Never those about yourself.',
      authScopes: { signedIn: true },
      args: {
        creatorId: t.arg.id({ description: 'Global id of a creator.' }),
        state: t.arg({ type: ReportStateEnum, description: 'Only those in this state.' }),
      },
      resolve: async (_root, { creatorId, state, ...page }, context) =>
        keysetConnection(
          page,
          await context.services.moderation.reports.list(requireActor(context), {
            creatorId: toWhere({ creatorId }).creatorId,
            state: state ?? undefined,
          }),
        ),
    },
    connectionOf('ReportConnection', 'reports'),
    { name: 'ReportEdge', description: 'A report and its place in the list.' },
  ),
);
