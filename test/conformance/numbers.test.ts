/** Every number of every input at its edges: refused clearly or taken as what it is, never masked; what is refused writes nothing. */
import {
  type GraphQLInputObjectType,
  type GraphQLInputType,
  getNamedType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import { expect, vi } from 'vitest';
import { buildSchema } from '../../src/graphql/schema.ts';
import { expectClearErrors } from '../integration/support/clear-errors.ts';
import { QUIET, testOn } from '../integration/support/shared-server.ts';
import { expectNothingWritten } from '../integration/support/unchanged.ts';
import { ASKS } from './support/asks.ts';
import { inputOf } from './support/probes.ts';
import { makeWorld, WORLD_TEST_LIMIT_MS, type WorldIds } from './support/world.ts';

vi.setConfig({ testTimeout: WORLD_TEST_LIMIT_MS });

const schema = buildSchema({ demo: true });
const test = testOn(QUIET).extend('world', { scope: 'file' }, ({ server, db }) => makeWorld(server, db.pool));

/** Literals that no number of an input may be: each is no whole number, or one that no rule allows. */
const EDGES = [
  '-1',
  '1.5',
  '1e400',
  '2147483648',
  '9007199254740992',
  '9007199254740993',
  '9223372036854775808',
  '"10"',
  '"1e3"',
  'true',
  '"NaN"',
  '-0.5',
];
/** Numbers that fit a type: prices and diamonds go beyond 2^31. Priorities may be negative. */
const FITS: Record<string, RegExp> = { SafeInt: /^2147483648$/ };

type Place = { mutation: string; path: string[]; type: string };

function numbersOf(type: GraphQLInputType, path: string[] = []): { path: string[]; type: string }[] {
  const named = getNamedType(type);
  if (named.name === 'Int' || named.name === 'SafeInt') return [{ path, type: named.name }];
  if (!isInputObjectType(named)) return [];
  const inList = isListType(isNonNullType(type) ? type.ofType : type) ? ['0'] : [];
  return Object.values((named as GraphQLInputObjectType).getFields()).flatMap((field) =>
    numbersOf(field.type, [...path, ...inList, field.name]),
  );
}

const mutations = schema.getMutationType()!.getFields();
const PLACES: Place[] = Object.values(mutations).flatMap((field) =>
  numbersOf(field.args[0]!.type).map((place) => ({ mutation: field.name, ...place })),
);

/** A marker that stands for the number until the JSON or the literal is written: JSON itself has no 1e400. */
const MARK = '@number@';

/** The input of a mutation with a literal in one place. */
function inputWith(place: Place, ids: WorldIds): unknown {
  const type = mutations[place.mutation]!.args[0]!.type;
  const input = inputOf(type, place.mutation, ids, false, place.mutation) as Record<string, unknown>;
  const set = (value: unknown, inner: GraphQLInputType, [key, ...rest]: string[]): unknown => {
    if (key === undefined) return MARK;
    const base = isNonNullType(inner) ? inner.ofType : inner;
    if (isListType(base))
      return [
        set((value as unknown[] | undefined)?.[0] ?? inputOf(base.ofType, place.mutation, ids), base.ofType, rest),
      ];
    const fields = (getNamedType(base) as GraphQLInputObjectType).getFields();
    const before = (value ?? inputOf(base, place.mutation, ids)) as Record<string, unknown>;
    return { ...before, [key]: set(before?.[key], fields[key]!.type, rest) };
  };
  return set(input, type, place.path);
}

test('there are as many numbers as the schema has', () => {
  expect(PLACES.length).toBeGreaterThan(30);
});

test.for(PLACES.map((place) => [`${place.mutation}: ${place.path.join('.')}`, place] as const))(
  '%s',
  async ([, place], { server, db, world }) => {
    const role = /Rate|hold|Quarter|Region|ReportLink/i.test(place.mutation)
      ? 'operator'
      : /createProduct|updateProduct|Stock|Warehouse|Refund|refund|startOffer/.test(place.mutation)
        ? 'member'
        : 'creator';
    const { token } = world.people[role];
    const input = JSON.stringify(inputWith(place, world.ids));
    const query = `mutation Probe($input: ${mutations[place.mutation]!.args[0]!.type}) { ${place.mutation}(input: $input) { __typename ... on Error { code message } } }`;
    await expectNothingWritten(db.pool, async () => {
      for (const edge of EDGES) {
        if (FITS[place.type]?.test(edge)) continue;
        if (edge === '-1' && place.path.at(-1) === 'priority') continue;
        const body = `{"query":${JSON.stringify(query)},"variables":{"input":${input.replace(`"${MARK}"`, edge)}}}`;
        const headers = {
          'content-type': 'application/json',
          accept: 'application/graphql-response+json',
          authorization: `Bearer ${token}`,
        };
        const response = await fetch(server.url, { method: 'POST', headers, body });
        const { data, errors } = (await response.json()) as {
          data?: Record<string, { code?: string }>;
          errors?: never;
        };
        expect(response.status, edge).toBeLessThan(500);
        if (errors) expectClearErrors(errors);
        else expect(data![place.mutation]!.code, `${edge} as ${role}`).toMatch(/^[A-Z_]+$/);
      }
    });
  },
);

test('a literal in the document is judged as a variable is, also over WebSocket', async ({ server, db, world }) => {
  const { streamId, giftId } = world.ids;
  await expectNothingWritten(db.pool, async () => {
    for (const edge of ['-1', '0', '1.5', '1e400', '2147483648', '9007199254740993', '"10"', 'true', 'null']) {
      const query = `mutation { sendGift(input: {streamId: "${streamId}", giftId: "${giftId}", quantity: ${edge}, idempotencyKey: "edge"}) { __typename ... on Error { code } } }`;
      for (const transport of ['POST', 'SSE', 'WebSocket'] as const) {
        const { data, errors } = await ASKS[transport](server, { query }, world.people.owner.token);
        if (errors) expectClearErrors(errors);
        else expect(data!.sendGift, `${edge} over ${transport}`).toMatchObject({ code: 'INVALID_INPUT' });
      }
    }
  });
});
