/** Field × role, generated from the schema: every field is declared, and a server does what is declared. */
import { type GraphQLField, getNamedType, isInterfaceType, isIntrospectionType, isObjectType } from 'graphql';
import { describe, expect, vi } from 'vitest';
import { buildSchema } from '../../src/graphql/schema.ts';
import { QUIET, testOn } from '../integration/support/shared-server.ts';
import { expectNothingWritten } from '../integration/support/unchanged.ts';
import { MUTATIONS, QUERIES, type RootRule, SUBSCRIPTIONS, TYPES } from './field-roles.data.ts';
import { ASKS } from './support/asks.ts';
import { inputOf, missingIds, selectionOf } from './support/probes.ts';
import { makeWorld, NODE_IDS, ROLES, type Role, WORLD_TEST_LIMIT_MS, type World } from './support/world.ts';

vi.setConfig({ testTimeout: WORLD_TEST_LIMIT_MS });

const schema = buildSchema({ demo: true });
const test = testOn(QUIET).extend('world', { scope: 'file' }, ({ server, db }) => makeWorld(server, db.pool));

const objectTypes = Object.values(schema.getTypeMap())
  .filter((type) => isObjectType(type))
  .filter((type) => !isIntrospectionType(type) && !['Query', 'Mutation', 'Subscription'].includes(type.name));
const rootFields = (name: 'Query' | 'Mutation' | 'Subscription') =>
  schema.getType(name) as (typeof objectTypes)[number];
const words = (text: string | undefined) => (text ?? '').split(' ').filter(Boolean);

/** Who is meant by the names of roles in a rule. */
function rolesOf(names: string | undefined, rule?: RootRule): Role[] {
  return words(names).flatMap((name): Role[] => {
    if (name === 'everyone') return [...ROLES];
    if (name === 'signedIn') return ROLES.filter((role) => role !== 'anonymous');
    if (name !== 'rest') return [name as Role];
    const { null: nulls, ...codes } = rule!;
    const named = new Set([...Object.values(codes), nulls].flatMap((text) => (text === 'rest' ? [] : rolesOf(text))));
    return ROLES.filter((role) => role !== 'anonymous' && !named.has(role));
  });
}

/** What a role gets of a root field: `may`, `null` or the code of an error. */
function expectedOf(rule: RootRule, role: Role): string {
  for (const [outcome, names] of Object.entries(rule)) if (rolesOf(names, rule).includes(role)) return outcome;
  return 'NOT_SIGNED_IN';
}

describe('every field is declared, and nothing that there is not', () => {
  test('the root fields', () => {
    for (const [name, rules] of Object.entries({ Query: QUERIES, Mutation: MUTATIONS, Subscription: SUBSCRIPTIONS })) {
      expect(Object.keys(rules).sort(), name).toEqual(Object.keys(rootFields(name as 'Query').getFields()).sort());
    }
  });

  test('the object types and their fields', () => {
    expect(Object.keys(TYPES).sort()).toEqual(objectTypes.map(({ name }) => name).sort());
    for (const type of objectTypes) {
      const { fields, guarded = {}, seenBy } = TYPES[type.name]!;
      const declared = [...words(fields), ...Object.keys(guarded)].sort();
      expect(declared, type.name).toEqual(Object.keys(type.getFields()).sort());
      const isNode = type.getInterfaces().some(({ name }) => name === 'Node');
      expect(seenBy !== undefined, `${type.name} has seenBy`).toBe(isNode);
    }
    for (const rule of [...Object.values(QUERIES), ...Object.values(MUTATIONS), ...Object.values(TYPES)]) {
      for (const role of rolesOf('may' in rule ? rule.may : rule.seenBy)) expect(ROLES).toContain(role);
    }
  });

  test('no new field leads to what is not for everybody', () => {
    const doors = new Map<string, string[]>();
    for (const type of Object.values(schema.getTypeMap())) {
      if ((!isObjectType(type) && !isInterfaceType(type)) || isIntrospectionType(type)) continue;
      for (const field of Object.values(type.getFields())) {
        const { name } = getNamedType(field.type);
        doors.set(name, [...(doors.get(name) ?? []), `${type.name}.${field.name}`]);
      }
    }
    for (const [name, { via }] of Object.entries(TYPES)) {
      if (via !== undefined) expect(words(via).sort(), name).toEqual((doors.get(name) ?? []).sort());
    }
  });
});

/** A document of one root field with the arguments that the world has, and their values. */
function probeOf(operation: string, field: GraphQLField<unknown, unknown>, world: World) {
  const values = field.args.map((argument) => {
    const value = inputOf(argument.type, argument.name, world.ids, argument.defaultValue !== undefined, field.name);
    return [argument, value] as const;
  });
  const given = values.filter(([, value]) => value !== undefined);
  const list = (of: (name: string, type: unknown) => string) =>
    given.length === 0 ? '' : `(${given.map(([{ name, type }]) => of(name, type)).join(', ')})`;
  const query = `${operation} Probe${list((name, type) => `$${name}: ${type}`)} { ${field.name}${list((name) => `${name}: $${name}`)} ${selectionOf(field.type)} }`;
  return { query, variables: Object.fromEntries(given.map(([{ name }, value]) => [name, value])) };
}

test('queries answer each role as declared', async ({ world, db }) => {
  await expectNothingWritten(db.pool, async () => {
    for (const field of Object.values(rootFields('Query').getFields())) {
      const { query, variables } = probeOf('query', field, world);
      for (const role of ROLES) {
        const { data, errors } = await world.api(role).request(query, variables);
        const code = errors?.[0]?.extensions?.code as string | undefined;
        const got = code ?? (data![field.name] === null ? 'null' : 'may');
        expect(got, `${field.name} as ${role}`).toBe(expectedOf(QUERIES[field.name]!, role));
      }
    }
  });
});

test.for(['SSE', 'WebSocket'] as const)(
  'subscriptions open for each role as declared, over %s',
  async (transport, { server, world }) => {
    for (const field of Object.values(rootFields('Subscription').getFields())) {
      const { query, variables } = probeOf('subscription', field, world);
      for (const role of ROLES) {
        const token = role === 'anonymous' ? undefined : world.people[role].token;
        const { data, errors } = await ASKS[transport](server, { query, variables }, token);
        const got = (errors?.[0]?.extensions?.code as string) ?? (data?.[field.name] ? 'may' : 'null');
        expect(got, `${field.name} as ${role}`).toBe(expectedOf(SUBSCRIPTIONS[field.name]!, role));
      }
    }
  },
);

test.for(Object.keys(NODE_IDS))('%s by its id, and each of its fields', async (name, { world }) => {
  const [typename = '', id = ''] = [NODE_IDS[name]!.type, world.ids[NODE_IDS[name]!.id]];
  const type = objectTypes.find((candidate) => candidate.name === typename)!;
  const { seenBy, guarded = {} } = TYPES[typename]!;
  const seen = rolesOf(NODE_IDS[name]!.seenBy ?? seenBy);
  const fields = Object.values(type.getFields()).map((field) => `${field.name} ${selectionOf(field.type)}`);
  const document = `query($id: ID!) { node(id: $id) { ... on ${typename} { ${fields.join(' ')} } } }`;
  for (const role of ROLES) {
    const { data, errors } = await world.api(role).request<{ node: Record<string, unknown> | null }>(document, { id });
    expect(errors, role).toBeUndefined();
    if (!seen.includes(role)) {
      expect(data, role).toEqual({ node: null });
      continue;
    }
    expect(data!.node, role).not.toBeNull();
    for (const [field, roles] of Object.entries(guarded)) {
      expect(data!.node![field] !== null, `${typename}.${field} as ${role}`).toBe(rolesOf(roles).includes(role));
    }
  }
});

/** Those that take away what others need come last. */
const TAKES_AWAY = /^(end|remove|delete|archive|cancel|release|close|decline|skip|unpin|unblock)/;

describe('mutations', () => {
  const fields = Object.values(rootFields('Mutation').getFields());
  const ordered = [
    ...fields.filter(({ name }) => !TAKES_AWAY.test(name)),
    ...fields.filter(({ name }) => TAKES_AWAY.test(name)),
  ];
  const outcomeOf = async (world: World, role: Role, field: GraphQLField<unknown, unknown>, ids = world.ids) => {
    const type = field.args[0]!.type;
    const document = `mutation Probe($input: ${type}) { ${field.name}(input: $input) { __typename ... on Error { code message } } }`;
    const input = inputOf(type, field.name, ids, false, field.name);
    const { data, errors } = await world
      .api(role)
      .request<Record<string, Record<string, unknown>>>(document, { input });
    expect(errors, `${field.name} as ${role}: ${JSON.stringify(input)}`).toBeUndefined();
    return data![field.name]!;
  };

  test('refuse each role as declared, what is not its own as what is not there, and write nothing', async ({
    world,
    db,
  }) => {
    const missing = missingIds(world.ids);
    await expectNothingWritten(db.pool, async () => {
      for (const field of ordered) {
        for (const role of ROLES) {
          const expected = expectedOf(MUTATIONS[field.name]!, role);
          if (expected === 'may') continue;
          const refusal = await outcomeOf(world, role, field);
          expect(refusal.code, `${field.name} as ${role}`).toBe(expected);
          if (expected === 'FORBIDDEN') continue;
          expect(await outcomeOf(world, role, field, missing), `${field.name} as ${role}, of nothing`).toEqual(refusal);
        }
      }
    });
  });

  test('let in those who may', async ({ world }) => {
    const refused: string[] = [];
    for (const field of ordered) {
      const role = ROLES.filter((candidate) => expectedOf(MUTATIONS[field.name]!, candidate) === 'may').at(-1)!;
      const { code } = await outcomeOf(world, role, field);
      if (['NOT_SIGNED_IN', 'NOT_FOUND', 'FORBIDDEN', 'INVALID_INPUT'].includes(code as string))
        refused.push(`${field.name} as ${role}: ${code}`);
    }
    expect(refused).toEqual([]);
  });
});
