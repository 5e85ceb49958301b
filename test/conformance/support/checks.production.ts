/** What a server tells of itself when it is no demo. */
import { expect } from 'vitest';
import { expectClearErrors } from '../../integration/support/clear-errors.ts';
import type { Check, Ground } from './checks.ts';
import { everywhere, expectRefused } from './speak.ts';

/** Documents with a name that is nearly right, by where it stands. */
const NEAR_MISSES: [document: string, variables?: Record<string, unknown>][] = [
  ['{ gift { id } }'],
  ['{ gifts { nam } }'],
  ['{ products(oder: NEWEST) { totalCount } }'],
  ['{ products(order: NEWST) { totalCount } }'],
  ['query ($order: ProductOrdr) { products(order: $order) { totalCount } }'],
  ['{ gifts { ...F } } fragment F on Gifts { id }'],
  ['{ gifts { ... on Gifts { id } } }'],
  ['{ node(id: "x") { ... on Node { coins } } }'],
  ['mutation { sendGif { __typename } }'],
  ['mutation { sendLikes(input: {streamID: "x", count: 1}) { __typename } }'],
  ['subscription { liveEvent(streamId: "x") { cursor } }'],
  ['{ gifts @inclde(if: true) { id } }'],
  ['query ($order: ProductOrder!) { products(order: $order) { totalCount } }', { order: 'NEWST' }],
  [
    'mutation ($input: SendLikesInput!) { sendLikes(input: $input) { __typename } }',
    { input: { streamID: 'x', count: 1 } },
  ],
  [
    'subscription ($types: [LiveEventType!]) { liveEvents(streamId: "x", types: $types) { cursor } }',
    { types: ['GIFT_SNT'] },
  ],
];

async function get({ server }: Ground, path: string, accept: string) {
  const response = await fetch(`${server.url}${path}`, { headers: { accept } });
  return { status: response.status, text: await response.text() };
}

/** What is off in production. */
export const PRODUCTION_CHECKS: Check[] = [
  {
    threat: 'introspection',
    limit: '`INTROSPECTION` off: `__schema` and `__type` refused, `__typename` fine',
    where: 'src/graphql/limits/read-document.ts',
    runs: everywhere(async (speak, ground) => {
      for (const document of [
        '{ __schema { types { name } } }',
        '{ __type(name: "Query") { name } }',
        '{ a: __schema { queryType { name } } }',
        '{ ...F } fragment F on Query { __schema { queryType { name } } }',
        '{ gifts { id } ... @include(if: true) { __type(name: "Gift") { fields { name } } } }',
      ]) {
        expectRefused(await speak(ground, document), 'GRAPHQL_VALIDATION_FAILED');
      }
      expect(await speak(ground, '{ __typename gifts { __typename } }')).toMatchObject({
        data: { __typename: 'Query' },
      });
    }),
  },
  {
    threat: 'names learnt from suggestions: fields, arguments, types, enum values, in documents and variables',
    limit: 'never "Did you mean"',
    where: 'src/graphql/limits/suggestions.ts',
    runs: everywhere(async (speak, ground) => {
      for (const [document, variables] of NEAR_MISSES) {
        const { errors } = await speak(ground, document, variables);
        expectClearErrors(errors);
        expect(JSON.stringify(errors), document).not.toMatch(/did you mean/i);
      }
    }),
  },
  {
    threat: 'GraphiQL, playgrounds, consoles',
    limit: 'off with introspection',
    where: 'src/app/graphql.ts',
    runs: {
      HTTP: async (ground) => {
        for (const path of ['', '/', '?', 'iql', '/playground', '/console', '?query=%7B__typename%7D']) {
          const { text } = await get(ground, path, 'text/html');
          expect(text, path).not.toMatch(/graphiql|playground|<html/i);
        }
      },
      SSE: 'serves no pages',
      WebSocket: 'serves no pages',
    },
  },
  {
    threat: 'what went wrong inside, traces, versions',
    limit: 'masked errors; no extensions but codes',
    where: 'src/graphql/errors.ts',
    runs: everywhere(async (speak, ground) => {
      for (const document of ['qwerty cop { abc }', '{ gifts { nothing } }', '{ node(id: "garbage") { id } }']) {
        const outcome = await speak(ground, document);
        if (outcome.errors) expectClearErrors(outcome.errors);
        for (const { extensions = {} } of outcome.errors ?? [])
          expect({ ...extensions, code: '' }).toEqual({ code: '' });
        expect(outcome).not.toHaveProperty('extensions');
      }
    }),
  },
];
