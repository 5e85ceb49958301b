/** Operations are parsed, validated and planned once, refused with graphql-js's words, and kept in bounded memory. */
import { buildSchema, GraphQLError, parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { maskError } from '../../src/graphql/errors.ts';
import {
  CACHED_DOCUMENT_CHARACTERS_MAX,
  createOperations,
  type PreparedOperation,
  type RefusedOperation,
} from '../../src/graphql/operations.ts';
import { NotFoundError } from '../../src/kernel/errors.ts';

const schema = buildSchema(`
  type Query { hello(name: String = "you"): String must: String! many: [Int!] }
  type Mutation { add(by: Int!): Int! }
  type Subscription { ticks: Int! }`);

function createSubject() {
  const hidden: unknown[] = [];
  const operations = createOperations({ schema, maskError: (error) => maskError(error, (one) => hidden.push(one)) });
  return { operations, hidden };
}

function expectPrepared(outcome: PreparedOperation | RefusedOperation): PreparedOperation {
  if (outcome.errors) throw new Error(`refused: ${outcome.errors[0]?.message}`);
  return outcome;
}

/** As a client sees it. */
function wire(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

test('a text is read once: the same text has the same operation, and others have others', () => {
  const { operations } = createSubject();
  const first = expectPrepared(operations.prepare('{ hello }'));
  expect(operations.prepare('{ hello }')).toBe(first);
  expect(operations.prepare('{ hello } ')).not.toBe(first);
  expect(first).toMatchObject({ kind: 'query', document: operations.read('{ hello }').document });
});

test('each operation of a document is found by its name, and only a single one without', async () => {
  const { operations } = createSubject();
  const text = 'query A { hello } query B { hi: hello } mutation C { add(by: 1) } subscription D { ticks }';
  const kinds = ['A', 'B', 'C', 'D'].map((name) => expectPrepared(operations.prepare(text, name)).kind);
  expect(kinds).toEqual(['query', 'query', 'mutation', 'subscription']);
  const rootValue = { hello: 'x' };
  expect(await expectPrepared(operations.prepare(text, 'B')).execute({ rootValue })).toEqual({ data: { hi: 'x' } });
  for (const [query, name] of [
    [text, 'E'],
    [text, undefined],
    [text, ''],
    ['query A { hello }', 'B'],
  ] as const) {
    expect(wire(operations.prepare(query, name))).toEqual({ errors: [{ message: 'Unable to identify operation' }] });
  }
});

test.for(['{ hello', '', '{ hello(: 5) }', '# nothing'])(
  'wrong syntax is refused as graphql-js words it: %j',
  (text) => {
    const { operations } = createSubject();
    const theirs = (() => {
      try {
        return parse(text);
      } catch (error) {
        return error as GraphQLError;
      }
    })();
    const error = wire(theirs) as object;
    const refused = { errors: [{ ...error, extensions: { code: 'GRAPHQL_PARSE_FAILED' } }] };
    expect(wire(operations.prepare(text))).toEqual(refused);
    expect(operations.read(text).document).toBeUndefined();
  },
);

test.for([
  '{ helo }',
  '{ hello(nme: "x") must { a } }',
  'query ($x: Nope) { hello }',
  'fragment A on Query { hello }',
  'mutation { add }',
])('what does not fit the schema is refused as graphql-js words it: %j', (text) => {
  const { operations } = createSubject();
  const theirs = validate(schema, parse(text)).map((error) => ({
    ...(wire(error) as object),
    extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
  }));
  expect(theirs.length).toBeGreaterThan(0);
  expect(wire(operations.prepare(text))).toEqual({ errors: theirs });
});

test.for([1_000, 30_000])('a document that is nested %i deep is refused before the stack ends', (depth) => {
  const { operations } = createSubject();
  expect(wire(operations.prepare('{a'.repeat(depth) + '}'.repeat(depth)))).toMatchObject({
    errors: [{ extensions: { code: 'DOCUMENT_TOO_LARGE' } }],
  });
});

test('errors of resolvers are masked: expected ones and GraphQL’s own are shown, of others only that there was one', async () => {
  const { operations, hidden } = createSubject();
  const defect = new Error('the password is 1234');
  const outcomes: [error: unknown, shown: object][] = [
    [new NotFoundError('stream'), { extensions: { code: 'NOT_FOUND' } }],
    [new GraphQLError('as it is', { extensions: { code: 'X' } }), { message: 'as it is', extensions: { code: 'X' } }],
    [defect, { message: 'Unexpected error.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }],
  ];
  const prepared = expectPrepared(operations.prepare('{ a: hello must }'));
  for (const [error, shown] of outcomes) {
    for (const must of [
      () => Promise.reject(error),
      () => error,
      () => {
        throw error;
      },
    ]) {
      const result = await prepared.execute({ rootValue: { hello: 'x', must } });
      const located = { ...shown, path: ['must'], locations: [{ line: 1, column: 12 }] };
      expect(wire(result)).toMatchObject({ data: null, errors: [located] });
    }
  }
  expect(hidden).toEqual([defect, defect, defect]);
});

test('variables that do not fit are refused before anything is executed', async () => {
  const { operations } = createSubject();
  const add = expectPrepared(operations.prepare('mutation ($by: Int!) { add(by: $by) }'));
  let calls = 0;
  const rootValue = { add: ({ by }: { by: number }) => (calls += by) };
  const refused = await add.execute({ rootValue, variableValues: { by: 'x' } });
  expect(wire(refused)).toEqual({
    errors: [
      {
        message: 'Variable "$by" got invalid value "x"; Int cannot represent non-integer value: "x"',
        locations: [{ line: 1, column: 11 }],
        extensions: { code: 'BAD_USER_INPUT' },
      },
    ],
  });
  expect(await add.execute({ rootValue, variableValues: { by: 5 } })).toEqual({ data: { add: 5 } });
});

test('@skip and @include are obeyed, each time anew', async () => {
  const { operations } = createSubject();
  const prepared = expectPrepared(
    operations.prepare('query ($y: Boolean!) { a: hello @include(if: $y) b: hello @skip(if: $y) }'),
  );
  const answer = (y: boolean) => prepared.execute({ rootValue: { hello: 'x' }, variableValues: { y } });
  expect([await answer(true), await answer(false), await answer(true)]).toEqual([
    { data: { a: 'x' } },
    { data: { b: 'x' } },
    { data: { a: 'x' } },
  ]);
});

test('the selection for one event of a subscription is executed at once when nothing has to be waited for', () => {
  const { operations } = createSubject();
  const ticks = expectPrepared(operations.prepare('subscription { ticks }'));
  expect(ticks.execute({ rootValue: { ticks: 3 } })).toEqual({ data: { ticks: 3 } });
});

test('a document that somebody else has parsed is executed too, and remembered as long as it lives', async () => {
  const { operations } = createSubject();
  const document = parse('query A { hello } query B { many }');
  const rootValue = { hello: 'x', many: [1, 2] };
  expect(await operations.execute({ document, operationName: 'A', rootValue })).toEqual({ data: { hello: 'x' } });
  expect(await operations.execute({ document, operationName: 'B', rootValue })).toEqual({ data: { many: [1, 2] } });
  expect(wire(await operations.execute({ document, operationName: 'C', rootValue }))).toEqual({
    errors: [{ message: 'Unable to identify operation' }],
  });
});

test('a flood of different documents pushes out what nobody uses, and not what is used', () => {
  const { operations } = createSubject();
  const used = operations.prepare('{ used: hello }');
  const unused = operations.prepare('{ unused: hello }');
  for (let n = 0; n < 4_000; n++) {
    operations.prepare(`{ flood${n}: hello }`);
    if (n % 100 === 0) operations.prepare('{ used: hello }');
  }
  expect(operations.prepare('{ used: hello }')).toBe(used);
  expect(operations.prepare('{ unused: hello }')).not.toBe(unused);
});

test('a document that is too long to be kept, and one that is refused, push nothing out', () => {
  const { operations } = createSubject();
  const kept = operations.prepare('{ hello }');
  const long = '{ hello }'.padEnd(CACHED_DOCUMENT_CHARACTERS_MAX + 1);
  for (let n = 0; n < 50; n++) {
    expect(operations.prepare(long)).not.toBe(operations.prepare(long));
    operations.prepare(`{ nothing${n} ${' '.repeat(CACHED_DOCUMENT_CHARACTERS_MAX - 100)} }`);
  }
  expect(operations.prepare('{ hello }')).toBe(kept);
});
