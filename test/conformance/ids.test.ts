/** Whoever tries ids learns nothing: what is not theirs answers as what does not exist, and no id however odd is masked as an error. */
import {
  type GraphQLField,
  GraphQLID,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  getNamedType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import { describe, expect, vi } from 'vitest';
import { buildSchema } from '../../src/graphql/schema.ts';
import { expectClearErrors } from '../integration/support/clear-errors.ts';
import { globalId, rowOf } from '../integration/support/ids.ts';
import { QUIET, testOn } from '../integration/support/shared-server.ts';
import { expectNothingWritten } from '../integration/support/unchanged.ts';
import type { Answer } from '../support/client.ts';
import type { Endpoint } from '../support/endpoint.ts';
import { jsonHeaders } from '../support/wire.ts';
import { ASKS, TRANSPORTS } from './support/asks.ts';
import { oddIds, typenameOf } from './support/odd-ids.ts';
import { inputOf, missingIds, selectionOf } from './support/probes.ts';
import {
  makeWorld,
  NODE_IDS,
  ROLES,
  type Role,
  WORLD_TEST_LIMIT_MS,
  type World,
  type WorldIds,
} from './support/world.ts';

vi.setConfig({ testTimeout: WORLD_TEST_LIMIT_MS });

const schema = buildSchema({ demo: true });
const test = testOn(QUIET).extend('world', { scope: 'file' }, ({ server, db }) => makeWorld(server, db.pool));

const NODE_TYPES = schema.getPossibleTypes(schema.getType('Node') as GraphQLInterfaceType).map(({ name }) => name);
/** Ids that are no nodes: they are only inputs. */
const INPUT_TYPES = ['Dispute', 'EarningsHold', 'OrderLine', 'Refund', 'Report', 'Shipment', 'Voucher', 'Warehouse'];
const ALL_TYPES = [...NODE_TYPES, ...INPUT_TYPES];
/** What some people see and others do not, and somebody who does. */
const PRIVATE: Record<string, { id: string; seenBy: Exclude<Role, 'anonymous'> }> = {
  Address: { id: 'addressId', seenBy: 'owner' },
  CoinPurchase: { id: 'purchaseId', seenBy: 'owner' },
  EarningBucket: { id: 'bucketId', seenBy: 'creator' },
  Order: { id: 'orderId', seenBy: 'owner' },
  Payout: { id: 'payoutId', seenBy: 'creator' },
  Viewer: { id: 'viewerId', seenBy: 'owner' },
  'An invitation to a Battle': { id: 'battleId', seenBy: 'creator' },
  'A draft of a Product': { id: 'draftId', seenBy: 'member' },
  'A variant of a draft': { id: 'draftVariantId', seenBy: 'member' },
};
/** Nodes in one document: within the limits of aliases. */
const NODES_PER_DOCUMENT = 10;
const NEIGHBOURS = 12n;
const NODE = 'query Node($id: ID!) { node(id: $id) { __typename id } }';

/** What a request for a node is answered with: each byte, and what the head says of it. */
async function answerTo(server: Endpoint, id: string, token: string | undefined): Promise<string> {
  const headers = { ...jsonHeaders(token), accept: 'application/graphql-response+json' };
  const body = JSON.stringify({ query: NODE, variables: { id } });
  const response = await fetch(server.url, { method: 'POST', headers, body });
  const { date: _, 'x-request-id': __, ...head } = Object.fromEntries(response.headers);
  return JSON.stringify({ status: response.status, head, body: await response.text() });
}

/** Which of the ids are answered with anything but null. */
async function foundOf(world: World, role: Role, ids: readonly [string, string][]): Promise<string[]> {
  const found: string[] = [];
  for (let start = 0; start < ids.length; start += NODES_PER_DOCUMENT) {
    const some = ids.slice(start, start + NODES_PER_DOCUMENT);
    const query = `query(${some.map((_, index) => `$i${index}: ID!`)}) { ${some.map((_, index) => `n${index}: node(id: $i${index}) { __typename }`).join(' ')} }`;
    const variables = Object.fromEntries(some.map(([, id], index) => [`i${index}`, id]));
    const { data, errors } = await world.api(role).request(query, variables);
    expect(errors, some.map(([what]) => what).join(', ')).toBeUndefined();
    found.push(...some.filter((_, index) => data![`n${index}`] !== null).map(([what]) => what));
  }
  return found;
}

test('every type of the interface Node is asked for', () => {
  const asked = new Set(Object.values(NODE_IDS).map(({ type }) => type));
  expect([...asked].sort()).toEqual([...NODE_TYPES].sort());
});

describe('node', () => {
  test.for(Object.entries(NODE_IDS))('%s: no other spelling of its id finds it', async ([, { id }], { world }) => {
    const real = world.ids[id]!;
    const odd = oddIds(real, INPUT_TYPES);
    for (const role of ['other', 'owner', 'creator', 'member', 'operator'] as const)
      expect(await foundOf(world, role, odd), role).toEqual([]);
    const { seenBy } = PRIVATE[Object.keys(NODE_IDS).find((name) => NODE_IDS[name]!.id === id)!] ?? {
      seenBy: 'other',
    };
    expect(await foundOf(world, seenBy as Role, [['itself', real]])).toEqual(['itself']);
  });

  test.for(Object.entries(PRIVATE))(
    '%s: to outsiders the same bytes as what does not exist, and so are its neighbours',
    async ([, { id, seenBy }], { server, world }) => {
      const real = world.ids[id]!;
      const [typename, row] = [typenameOf(real), BigInt(rowOf(real))];
      const missing = globalId(typename, 999_999_999);
      for (const role of ['anonymous', 'other', 'partner'] as const) {
        const token = role === 'anonymous' ? undefined : world.people[role].token;
        const answer = await answerTo(server, missing, token);
        expect(answer).toContain('{\\"data\\":{\\"node\\":null}}');
        expect(await answerTo(server, real, token), role).toBe(answer);
      }
      expect(await answerTo(server, real, world.people[seenBy].token)).toContain(typename);
      if (['Battle', 'Product', 'ProductVariant', 'Viewer'].includes(typename)) return; // neighbours may be public, or oneself
      const near = Array.from({ length: Number(NEIGHBOURS) * 2 + 1 }, (_, index) => row - NEIGHBOURS + BigInt(index));
      const ids = near.map((each): [string, string] => [`${each}`, globalId(typename, each)]);
      for (const role of ['anonymous', 'other'] as const) expect(await foundOf(world, role, ids), role).toEqual([]);
    },
  );

  test.for(TRANSPORTS)('private nodes and odd ids over %s', async (transport, { server, world }) => {
    for (const [name, { id, seenBy }] of Object.entries(PRIVATE)) {
      const real = world.ids[id]!;
      const ask = (asked: string, role: Exclude<Role, 'anonymous'>) =>
        ASKS[transport](server, { query: NODE, variables: { id: asked } }, world.people[role].token);
      const missing = await ask(globalId(typenameOf(real), 999_999_999), 'other');
      expect(missing.data, name).toEqual({ node: null });
      expect(await ask(real, 'other'), name).toEqual(missing);
      expect((await ask(real, seenBy)).data, name).toEqual({ node: { __typename: typenameOf(real), id: real } });
      for (const odd of ['0', '-1', '9223372036854775808', '1e3', ' 1', '\0']) {
        expect(await ask(globalId(typenameOf(real), odd), 'other'), odd).toEqual(missing);
      }
    }
  });

  test.for(TRANSPORTS)('what is no ID at all is refused clearly over %s', async (transport, { server, world }) => {
    for (const id of [1.5, true, null, {}, [], ['QQ', 'QQ'], { id: 'QQ' }]) {
      const { errors } = await ASKS[transport](server, { query: NODE, variables: { id } }, world.people.other.token);
      expectClearErrors(errors);
    }
    for (const id of ['1.5', 'true', 'null', '{}', 'QQ', '$id', '[]', '"\\u0"']) {
      const query = `{ node(id: ${id}) { id } }`;
      expectClearErrors((await ASKS[transport](server, { query }, world.people.other.token)).errors);
    }
    for (const id of ['-9223372036854775809', '123456789012345678901234567890', '0']) {
      const query = `{ node(id: ${id}) { id } }`;
      const { data, errors } = await ASKS[transport](server, { query }, world.people.other.token);
      if (errors) expectClearErrors(errors);
      else expect(data).toEqual({ node: null });
    }
  });
});

type Place = { field: GraphQLField<unknown, unknown>; path: string[] };

/** Where a field takes an id. */
function idsIn(type: GraphQLInputType, path: string[]): string[][] {
  const named = getNamedType(type);
  const inList = isListType(isNonNullType(type) ? type.ofType : type) ? ['0'] : [];
  if (named.name === 'ID') return [[...path, ...inList]];
  if (!isInputObjectType(named)) return [];
  return Object.values(named.getFields()).flatMap((field) => idsIn(field.type, [...path, ...inList, field.name]));
}

const placesOf = (root: 'Query' | 'Mutation' | 'Subscription'): [string, Place][] =>
  Object.values((schema.getType(root) as GraphQLObjectType).getFields())
    .filter(({ name }) => name !== 'node')
    .flatMap((field) =>
      field.args
        .flatMap((argument) => idsIn(argument.type, [argument.name]))
        .map((path): [string, Place] => [`${field.name}: ${path.join('.')}`, { field, path }]),
    );

/** The value with another one in its place; what it has not got on the way is made. */
function put(value: unknown, type: GraphQLInputType, [key, ...rest]: string[], id: unknown, ids: WorldIds): unknown {
  if (key === undefined) return id;
  const base = isNonNullType(type) ? type.ofType : type;
  if (isListType(base)) return [put((value as unknown[])?.[0], base.ofType as GraphQLInputType, rest, id, ids)];
  const fields = (getNamedType(base) as GraphQLInputObjectType).getFields();
  const before = (value ?? {}) as Record<string, unknown>;
  const filled = Object.fromEntries(
    Object.values(fields)
      .filter((field) => isNonNullType(field.type) && before[field.name] === undefined)
      .map((field) => [field.name, inputOf(field.type, field.name, ids)]),
  );
  return { ...filled, ...before, [key]: put(before[key], fields[key]!.type, rest, id, ids) };
}

/** The id that the world has for a place. */
function placeInWorld(field: string, path: string[], ids: WorldIds): string | undefined {
  const name = path.filter((key) => key !== '0').at(-1)!;
  if (name === 'id') return inputOf(GraphQLID, 'id', ids, false, field) as string;
  return ids[name] ?? ids[name.replace(/s$/, '')] ?? ids[`${name}Id`];
}

/** A request of a field as the world has it, but for one id. */
function requestOf(operation: string, { field, path: [first, ...path] }: Place, world: World) {
  const given = field.args
    .map((argument) => {
      const value = inputOf(argument.type, argument.name, world.ids, argument.defaultValue !== undefined, field.name);
      return { argument, value };
    })
    .filter(({ argument, value }) => value !== undefined || argument.name === first);
  const variables = given.map(({ argument: { name, type } }) => `$${name}: ${type}`).join(', ');
  const passed = given.map(({ argument: { name } }) => `${name}: $${name}`).join(', ');
  const selection = operation === 'mutation' ? '{ __typename ... on Error { code message } }' : selectionOf(field.type);
  return {
    query: `${operation} Probe(${variables}) { ${field.name}(${passed}) ${selection} }`,
    variables: (id: unknown) =>
      Object.fromEntries(
        given.map(({ argument: { name, type }, value }) => [
          name,
          name === first ? put(value, type, path, id, world.ids) : value,
        ]),
      ),
    /** The id that the world has there, if any. */
    real: placeInWorld(field.name, [first!, ...path], world.ids),
  };
}

/** A few of each kind: the whole list is for `node`. */
const SAMPLE =
  /^(zero|negative|2\^63|a float|with an exponent|with a leading zero|in Arabic digits|before a NUL|very long|as Gift|as Order|not encoded|with half of a surrogate pair|empty)$/;
const sampleOf = (real: string) => oddIds(real, ALL_TYPES).filter(([what]) => SAMPLE.test(what));
const rolesFor = (name: string): Exclude<Role, 'anonymous'>[] =>
  /product|Stock|Warehouse|hipment|oucher|Offer|Refund|resolveDispute|refundOrder|Webhook|Tracking/i.test(name)
    ? ['member', 'other']
    : ['creator', 'owner', 'other'];

describe('queries', () => {
  test.for(placesOf('Query'))('%s: odd ids are what does not exist', async ([, place], { world }) => {
    const { query, variables, real } = requestOf('query', place, world);
    const of = real ?? world.ids.streamId!;
    for (const role of rolesFor(place.field.name)) {
      const missing = await world.api(role).request(query, variables(globalId(typenameOf(of), 999_999_999)));
      expect(JSON.stringify(missing)).not.toContain('INTERNAL');
      for (const [what, id] of sampleOf(of)) {
        const answer = await world.api(role).request(query, variables(id));
        expect([JSON.stringify(missing), NO_SUCH_THING], `${what} as ${role}`).toContain(shapeOf(answer));
      }
    }
  });
});

describe('subscriptions', () => {
  test.for(
    placesOf('Subscription').flatMap(([name, place]) =>
      (['SSE', 'WebSocket'] as const).map((transport) => [`${name} over ${transport}`, place, transport] as const),
    ),
  )('%s: odd ids are what does not exist', async ([, place, transport], { server, world }) => {
    const { query, variables, real } = requestOf('subscription', place, world);
    const ask = (id: string) => ASKS[transport](server, { query, variables: variables(id) }, world.people.other.token);
    const missing = await ask(globalId(typenameOf(real!), 999_999_999));
    expectClearErrors(missing.errors, 'NOT_FOUND');
    for (const [what, id] of sampleOf(real!)) expect(await ask(id), what).toEqual(missing);
    if (place.field.name === 'orderUpdates') expect(await ask(real!), 'of somebody else').toEqual(missing);
  });
});

const NO_SUCH_THING = 'there is no such thing';
/** What is damaged may be told so before it is asked who may, or as another part of the input: neither tells of what exists. */
function shapeOf(answer: Answer<Record<string, unknown>>): string {
  const text = JSON.stringify(answer);
  return /"code":"NOT_FOUND"/.test(text) ? NO_SUCH_THING : text;
}

describe('mutations', () => {
  /** Of what some see and others do not. */
  const OF_SOMEBODY =
    /Address|Order|Refund|Dispute|hipment|oucher|resolveReport|(create|update|publish|archive)Product|Warehouse|Stock|Tracking/;

  test('there are as many ids as the schema has', () => expect(placesOf('Mutation').length).toBeGreaterThan(60));

  test.for(placesOf('Mutation'))('%s: odd ids are what does not exist', async ([, place], { world, db }) => {
    const { query, variables, real } = requestOf('mutation', place, world);
    const of = real ?? world.ids.streamId!;
    await expectNothingWritten(db.pool, async () => {
      for (const role of rolesFor(place.field.name)) {
        const ask = (id: unknown) => world.api(role).request(query, variables(id));
        const missing = await ask(globalId(typenameOf(of), 999_999_999));
        for (const [what, id] of sampleOf(of)) {
          const answer = await ask(id);
          expect([JSON.stringify(missing), NO_SUCH_THING], `${what} as ${role}`).toContain(shapeOf(answer));
        }
      }
    });
  });

  test('nothing of the world is an outsider’s to find: the refusal is that of what does not exist', async ({
    world,
  }) => {
    const missing = missingIds(world.ids);
    const differ: string[] = [];
    for (const field of Object.values(schema.getMutationType()!.getFields())) {
      if (!OF_SOMEBODY.test(field.name)) continue;
      const type = field.args[0]!.type;
      const query = `mutation Probe($input: ${type}) { ${field.name}(input: $input) { __typename ... on Error { code message } } }`;
      const ask = (ids: typeof missing, role: Role) =>
        world.api(role).request<Record<string, { __typename: string }>>(query, {
          input: inputOf(type, field.name, ids, false, field.name),
        });
      for (const role of ROLES.filter((each) => ['anonymous', 'other', 'partner'].includes(each))) {
        const real = await ask(world.ids, role);
        if (real.data?.[field.name]?.__typename.endsWith('Success')) continue; // for everybody, such as to add an address
        if (JSON.stringify(real) !== JSON.stringify(await ask(missing, role))) differ.push(`${field.name} as ${role}`);
      }
    }
    expect(differ).toEqual([]);
  });
});
