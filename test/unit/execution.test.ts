/** Planned execution is graphql-js's: the same data, errors, order of errors and order of resolver calls, whatever is asked. */
import fc from 'fast-check';
import {
  buildSchema,
  type DocumentNode,
  execute,
  type GraphQLFieldResolver,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getOperationAST,
  isObjectType,
  parse,
  responsePathAsArray,
  validate,
} from 'graphql';
import { expect, test } from 'vitest';
import { executePlan } from '../../src/graphql/execution/execute-plan.ts';
import { planOf } from '../../src/graphql/execution/plan.ts';

const RUNS = 100;
const DEPTH_MAX = 3;

/** What a resolver does: `how` of each field. */
const HOW = [
  'VALUE',
  'ASYNC',
  'NULL',
  'ASYNC_NULL',
  'THROW',
  'REJECT',
  'RETURN_ERROR',
  'WRONG',
  'ASYNC_ITEMS',
] as const;
type How = (typeof HOW)[number];

const FIELDS = `
  text(how: How = VALUE): String
  number(how: How = VALUE): Int!
  color(how: How = VALUE): Color
  thing(how: How = VALUE): Thing
  mustThing(how: How = VALUE): Thing!
  things(how: How = VALUE): [Thing]
  mustThings(how: How = VALUE): [Thing!]!
  numbers(how: How = VALUE): [[Int!]]
  named(how: How = VALUE): Named
  any(how: How = VALUE): [Any]
  echo(text: String = "default", number: Int!, filter: Filter): String`;

const SDL = `
  enum How { ${HOW.join(' ')} }
  enum Color { RED GREEN }
  input Filter { text: String = "inner", numbers: [Int!] }
  interface Named { ${FIELDS} }
  union Any = Thing | Other
  type Thing implements Named { ${FIELDS} }
  type Other implements Named { ${FIELDS} other: Int }
  type Query { ${FIELDS} strict: [Any!] }
  type Mutation { ${FIELDS} }`;

/** Values by the name of the field; every object is a fresh one. */
const VALUES: Record<string, () => unknown> = {
  text: () => 'text',
  number: () => 7,
  color: () => 'RED',
  thing: () => ({}),
  mustThing: () => ({}),
  things: () => [{}, null, {}],
  mustThings: () => [{}, {}],
  numbers: () => [[1, 2], null, [3]],
  named: () => ({ __typename: 'Thing' }),
  strict: () => VALUES.any!(),
  any: () => [{ __typename: 'Other' }, { __typename: 'Thing' }],
};

type Context = { calls: string[] };

const resolve: GraphQLFieldResolver<unknown, Context> = (_source, args, { calls }, info) => {
  calls.push(responsePathAsArray(info.path).join('.'));
  if (info.fieldName === 'echo') return JSON.stringify(args);
  if (info.fieldName === 'other') return undefined;
  return outcome(args.how as How, VALUES[info.fieldName]!(), info);
};

function outcome(how: How, value: unknown, { path }: GraphQLResolveInfo): unknown {
  const error = new Error(`failed at ${path.key}`);
  if (how === 'ASYNC') return Promise.resolve(value);
  if (how === 'NULL') return null;
  if (how === 'ASYNC_NULL') return Promise.resolve(undefined);
  if (how === 'THROW') throw error;
  if (how === 'REJECT') return Promise.reject(error);
  if (how === 'RETURN_ERROR') return error;
  if (how === 'WRONG') return Number.NaN;
  if (how === 'ASYNC_ITEMS' && Array.isArray(value)) {
    return value.map((item, index) => (index === 1 ? Promise.reject(error) : Promise.resolve(item)));
  }
  return value;
}

function createSchema(): GraphQLSchema {
  const schema = buildSchema(SDL);
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) field.resolve = resolve as never;
  }
  const other = schema.getType('Other');
  if (isObjectType(other)) other.isTypeOf = async () => true;
  return schema;
}

const schema = createSchema();

type Variables = Record<string, unknown>;

/** Everything that can be seen of an execution. */
async function observe(run: (context: Context) => unknown) {
  const context: Context = { calls: [] };
  const result = (await run(context)) as { errors?: { toJSON(): unknown }[]; data?: unknown };
  const shown = { ...JSON.parse(JSON.stringify(result)), keys: JSON.stringify(result.data) };
  // What is lost already is executed to its end all the same; nothing here waits for anything but promises.
  await new Promise((resolve) => setImmediate(resolve));
  return { ...shown, calls: context.calls };
}

async function expectSame(document: DocumentNode, variableValues: Variables = {}) {
  expect(validate(schema, document)).toEqual([]);
  const plan = planOf(schema, document, getOperationAST(document)!)!;
  const theirs = await observe((contextValue) => execute({ schema, document, contextValue, variableValues }));
  // Twice: what the first run has left in the plan must not show in the second.
  for (let time = 0; time < 2; time++) {
    expect(await observe((contextValue) => executePlan(plan, { contextValue, variableValues }))).toEqual(theirs);
  }
  return theirs;
}

/** A random selection. Aliases are unique, but for a few that are left out so that fields merge. */
function selection(depth: number): fc.Arbitrary<string> {
  const how = fc.oneof({ weight: 4, arbitrary: fc.constantFrom('VALUE', 'ASYNC') }, fc.constantFrom(...HOW));
  const leaf = fc
    .tuple(fc.constantFrom('text', 'number', 'color', 'numbers'), how)
    .map(([name, mode]) => `${name}_${mode}: ${name}(how: ${mode})`);
  const plain = fc.constantFrom('__typename', 'text', 'echo(number: 1)', 'e: echo(number: $n, filter: {text: $t})');
  if (depth === 0) return fc.oneof(leaf, plain);
  const inner = fc.array(selection(depth - 1), { minLength: 1, maxLength: 4 }).map((fields) => fields.join(' '));
  const object = fc
    .tuple(fc.constantFrom('thing', 'mustThing', 'things', 'mustThings', 'named'), how, inner)
    .map(([name, mode, fields]) => `${name}_${mode}: ${name}(how: ${mode}) { ${fields} }`);
  const union = fc
    .tuple(how, inner, inner)
    .map(
      ([mode, one, two]) =>
        `any_${mode}: any(how: ${mode}) { __typename ... on Thing { ${one} } ... on Named { ${two} } ...F }`,
    );
  return fc.oneof(leaf, plain, object, object, union);
}

test('random operations give what graphql-js gives', async () => {
  const fields = fc.array(selection(DEPTH_MAX), { minLength: 1, maxLength: 5 }).map((list) => list.join(' '));
  const property = fc.asyncProperty(fc.constantFrom('query', 'mutation'), fields, async (kind, selections) => {
    const text = `${kind} ($n: Int! = 3, $t: String) { echo2: echo(number: $n, text: $t) f: any { ...F } ${selections} }
      fragment F on Any { ... on Other { other text } ... { ... on Named { number color } } }`;
    await expectSame(parse(text));
  });
  await fc.assert(property, { numRuns: RUNS });
});

test('an error of a field that may not be null goes up to what may', async () => {
  const { data, errors } = await expectSame(parse('{ thing { mustThing { number(how: REJECT) } text } text }'));
  expect(data).toEqual({ thing: null, text: 'text' });
  expect(errors).toMatchObject([{ message: 'failed at number', path: ['thing', 'mustThing', 'number'] }]);
});

test('a list that is lost at once leaves no item behind whose failure nobody hears', async () => {
  // graphql-js does: its rejection would be unhandled, and the test run fail.
  const document = parse('{ strict { ... on Other { number(how: REJECT) } ... on Thing { number(how: THROW) } } }');
  const plan = planOf(schema, document, getOperationAST(document)!)!;
  const { data, errors } = await observe((contextValue) => executePlan(plan, { contextValue }));
  expect(data).toEqual({ strict: null });
  expect(errors).toMatchObject([{ path: ['strict', 1, 'number'] }]);
});

test('fields of a mutation run one after the other', async () => {
  const { calls } = await expectSame(
    parse('mutation { a: thing(how: ASYNC) { text } b: text(how: REJECT) c: number }'),
  );
  expect(calls).toEqual(['a', 'a.text', 'b', 'c']);
});

test('a mutation that is lost is answered as soon as graphql-js does: of failures that come later neither tells', async () => {
  const before = Array.from({ length: 9 }, (_, n) => `a${n}: text(how: ASYNC)`).join(' ');
  const late = `${'thing(how: ASYNC) { '.repeat(10)} number(how: THROW) ${' }'.repeat(10)}`;
  const { data, errors } = await expectSame(parse(`mutation { ${before} mustThings(how: ASYNC_ITEMS) { ${late} } }`));
  expect(data).toBeNull();
  expect(errors).toMatchObject([{ path: ['mustThings', 1] }]);
});

test('variables are coerced, with defaults, and refused with the messages of graphql-js', async () => {
  const document = parse(
    'query ($n: Int!, $f: Filter = {numbers: [1]}, $h: How) { echo(number: $n, filter: $f) text(how: $h) }',
  );
  for (const variables of [{}, { n: null }, { n: 1.5, f: { text: 5, nope: 1 } }, { n: '1', h: 'NOPE' }]) {
    const { data, errors } = await expectSame(document, variables);
    expect(data).toBeUndefined();
    expect(errors.length).toBeGreaterThan(0);
  }
  expect((await expectSame(document, { n: 1 })).data.echo).toContain('"filter":{"text":"inner","numbers":[1]}');
  await expectSame(document, { n: 1, f: { numbers: 4 }, h: null });
});

test('introspection', async () => {
  const { data } = await expectSame(
    parse('{ __schema { types { name fields { name args { name defaultValue } } } } __type(name: "Thing") { name } }'),
  );
  expect(data.__type).toEqual({ name: 'Thing' });
});

test('what a plan cannot hold is not planned', () => {
  for (const text of [
    '{ text @skip(if: true) }',
    'query ($y: Boolean!) { ... @include(if: $y) { text } }',
    '{ __proto__: text }',
  ]) {
    const document = parse(text);
    expect(validate(schema, document)).toEqual([]);
    expect(planOf(schema, document, getOperationAST(document)!), text).toBeUndefined();
  }
});

test('fragments in fragments that name a million fields do not fill the memory, and those few that are reached are right', async () => {
  const fragments = Array.from(
    { length: 20 },
    (_, n) => `fragment F${n} on Thing { a: thing { ...F${n + 1} } b: thing(how: NULL) { ...F${n + 1} } }`,
  );
  const document = parse(`{ thing { ...F0 } } ${fragments.join(' ')} fragment F20 on Thing { text }`);
  await expectSame(document);
  const plan = planOf(schema, document, getOperationAST(document)!)!;
  await executePlan(plan, { contextValue: { calls: [] } });
  expect(plan.room).toBeGreaterThanOrEqual(0);
});
