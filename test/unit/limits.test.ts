/** Limits of documents and costs: what this repository writes is far below, and what they let through is validated quickly. */
import { readFileSync } from 'node:fs';
import { getIntrospectionQuery, getOperationAST, parse } from 'graphql';
import { expect, test } from 'vitest';
import { COST_LIMITS, costOf, createCostLimit, REFUSED_COST } from '../../src/graphql/limits/cost.ts';
import { readDocument } from '../../src/graphql/limits/read-document.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import * as documents from '../support/documents.ts';

const schema = buildSchema({ demo: true });
/** A loaded machine is several times slower than an idle one; without the limits these take seconds. */
const VALIDATION_MS_MAX = 200;

const texts = [
  ...Object.values<unknown>(documents).flatMap((text) =>
    typeof text === 'string' && /^\s*(query|subscription|mutation|\{)/.test(text) ? [text] : [],
  ),
  ...['gifting', 'shopping'].map((name) =>
    readFileSync(new URL(`../operations/${name}.graphql`, import.meta.url), 'utf8'),
  ),
  getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true }),
];

test('the documents of this repository are within the limits', () => {
  expect(texts.length).toBeGreaterThan(5);
  for (const text of texts) expect(readDocument(schema, text, { introspection: true }).errors, text).toEqual([]);
});

test('the costliest of them, a page of 100 events of all types, leaves room', () => {
  const document = parse(documents.STREAM_LOG);
  const { complexity } = costOf(schema, document, getOperationAST(document)!, { id: 'x', first: 100 });
  expect(complexity).toBeLessThan(COST_LIMITS.complexity * 0.75);
});

const times = (count: number, text: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => text(n)).join(' ');
const chain = (count: number) =>
  `{ gifts { ...F0 ...F1 } } ${times(count - 1, (n) => `fragment F${n} on Gift { id ...F${n + 1} }`)} fragment F${count - 1} on Gift { id }`;

test.for([
  ['one name again and again', `{ gifts { ${'id '.repeat(140)} } }`],
  ['with arguments', `{ ${'liveStreams(first: 1, after: "x") { totalCount } '.repeat(95)} }`],
  ['a chain of fragments', chain(60)],
  ['wrong types', `query (${times(700, (n) => `$v${n}: Strngi${n}`)}) { gifts { id } }`],
] as const)('what just fits is read quickly: %s', ([, text]) => {
  const durations = Array.from({ length: 5 }, () => {
    const begunMs = performance.now();
    const { document } = readDocument(schema, text, { introspection: false });
    expect(document).toBeDefined(); // it came to the validation
    return performance.now() - begunMs;
  });
  expect(Math.min(...durations)).toBeLessThan(VALIDATION_MS_MAX);
});

test('the verdict on a cost is remembered by page size, and only by that', () => {
  const judge = createCostLimit(schema, (error) => error as Error);
  const document = parse(
    'query ($n: Int, $id: ID!) { liveStreams(first: $n) { edges { node { id } } } node(id: $id) { id } }',
  );
  for (const id of ['x', 'y'])
    expect(judge({ document, variableValues: { n: 5, id } })).toEqual({ error: undefined, points: 22 });
  const inner = 'a b c d e f g h i j k l m n o p'
    .split(' ')
    .map((alias) => `${alias}: seq`)
    .join(' ');
  const large = parse(
    `query ($n: Int) { liveStreams(first: $n) { edges { node { events(first: $n) { edges { node { ${inner} } } } } } } }`,
  );
  expect(judge({ document: large, variableValues: { n: 1 } }).error).toBeUndefined();
  const refusal = judge({ document: large, variableValues: { n: 100 } });
  expect(refusal.points).toBe(REFUSED_COST);
  expect(refusal.error?.extensions).toMatchObject({ code: 'OPERATION_TOO_COSTLY', limit: 'complexity' });
  expect(judge({ document: large, variableValues: { n: 100 } })).toBe(refusal);
  expect(judge({ document: large, variableValues: { n: 1 } }).error).toBeUndefined();
});
