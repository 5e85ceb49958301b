import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError } from '../../kernel/errors.ts';
import { LINK_LIFE_MS, type ReportLink } from './links.ts';
import { quarterRules, toQuarter } from './reports.schema.ts';

const ReportFormatEnum = builder.enumType('ReportFormat', {
  description: 'What a report is opened as.',
  values: {
    HTML: { description: 'A page with charts.' },
    CSV: { description: 'One table, for spreadsheets.' },
    JSON: { description: 'All of it; of a closed quarter, the bytes that `checksum` is of.' },
  } as const,
});

const CreateReportLinkInput = builder.inputType('CreateReportLinkInput', {
  description: 'Which report, and as what.',
  validate: rules.input(quarterRules),
  fields: (t) => ({
    year: t.int({ required: true, description: 'The year.' }),
    quarter: t.int({ required: true, description: 'The quarter, from 1 to 4.' }),
    format: t.field({ type: ReportFormatEnum, required: true, defaultValue: 'HTML', description: 'What as.' }),
  }),
});

const CreateReportLinkSuccess = builder.objectRef<ReportLink>('CreateReportLinkSuccess').implement({
  description: 'The link.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'Open it on this server, in a browser. It works once.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it ends, used or not.' }),
  }),
});

builder.mutationField('createReportLink', (t) =>
  t.field({
    type: CreateReportLinkSuccess,
    description: `For operators: a link with which a browser opens a whole report, once, within ${LINK_LIFE_MS / 60_000} minutes. A repeated call makes another.`,
    authScopes: { operator: true },
    args: { input: t.arg({ type: CreateReportLinkInput, required: true, description: 'Which.' }) },
    errors: { types: [...commonErrors, ForbiddenError], union: { description: 'What `createReportLink` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.reports.createLink(requireActor(context).id, {
        quarter: toQuarter(input),
        format: input.format,
      }),
  }),
);
