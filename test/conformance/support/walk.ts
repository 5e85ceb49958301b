/** Everything that somebody can read: each root query and each node, as deep as the limits allow, in one text. */
import {
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLOutputType,
  getNamedType,
  isInterfaceType,
  isLeafType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { buildSchema } from '../../../src/graphql/schema.ts';
import type { HttpClient } from '../../support/client.ts';
import { LIVE_EVENT_FIELDS } from '../../support/documents.ts';
import { inputOf } from './probes.ts';
import type { WorldIds } from './world.ts';

/** How deep it looks, from the deepest that is tried first: what costs too much is tried with less. */
const DEPTHS = [4, 3, 2, 1, 0];
const PAGE_SIZE = 20;
/** Refusals of what the reader may not see, and of what would cost too much. */
const MAY_NOT = new Set(['NOT_SIGNED_IN', 'FORBIDDEN', 'NOT_FOUND']);
const TOO_LARGE = new Set(['OPERATION_TOO_COSTLY', 'DOCUMENT_TOO_LARGE']);

const schema = buildSchema({ demo: true });

/** The fields of a type that need no arguments, down to the depth. */
function selectionOf(type: GraphQLOutputType, depth: number): string | undefined {
  const named = getNamedType(type);
  if (isLeafType(named)) return '';
  if (named.name === 'LiveEvent') return `{ ${LIVE_EVENT_FIELDS} }`;
  if (isInterfaceType(named) || !isObjectType(named)) return '{ __typename }';
  const fields = Object.values(named.getFields()).map((field) => fieldOf(field, depth));
  return `{ ${fields.filter(Boolean).join(' ') || '__typename'} }`;
}

function fieldOf(field: GraphQLField<unknown, unknown>, depth: number): string | undefined {
  const isRequired = field.args.some(({ type, defaultValue }) => isNonNullType(type) && defaultValue === undefined);
  const isLeaf = isLeafType(getNamedType(field.type));
  if (isRequired || (depth === 0 && !isLeaf)) return undefined;
  const page = field.args.some(({ name }) => name === 'first') ? `(first: ${PAGE_SIZE})` : '';
  return `${field.name}${page} ${selectionOf(field.type, depth - 1)}`;
}

/** Asks as deep as it may. Throws on errors other than refusals: a read that fails has shown nothing. */
async function ask(
  api: HttpClient,
  documentOf: (depth: number) => string,
  variables: Record<string, unknown>,
): Promise<string> {
  for (const depth of DEPTHS) {
    const { data, errors } = await api.request(documentOf(depth), variables);
    const codes = errors?.map(({ extensions }) => extensions?.code as string) ?? [];
    if (codes.some((code) => TOO_LARGE.has(code)) && depth > 0) continue;
    if (codes.every((code) => MAY_NOT.has(code))) return JSON.stringify([data, errors ?? []]);
    throw new Error(`${documentOf(depth)}: ${JSON.stringify(errors)}`);
  }
  throw new Error('there is no depth that is allowed');
}

/** One root query, with all optional ids, without each of them and without all. */
async function askRoot(api: HttpClient, field: GraphQLField<unknown, unknown>, ids: WorldIds): Promise<string[]> {
  const values = field.args.map(({ name, type, defaultValue }) => {
    const value = name === 'first' ? PAGE_SIZE : inputOf(type, name, ids, defaultValue !== undefined, field.name);
    return { name, type, value, isOptional: !isNonNullType(type) && name !== 'first' };
  });
  const texts: string[] = [];
  const optional = values.filter(({ value, isOptional }) => isOptional && value !== undefined);
  const omissions = [[], ...optional.map((one) => [one]), optional];
  for (const omitted of optional.length === 0 ? [[]] : omissions) {
    const given = values.filter((each) => !omitted.includes(each));
    const known = given.filter(({ value }) => value !== undefined);
    const list = (of: (argument: (typeof known)[number]) => string) =>
      known.length === 0 ? '' : `(${known.map(of).join(', ')})`;
    const documentOf = (depth: number) =>
      `query Walk${list(({ name, type }) => `$${name}: ${type}`)} { ${field.name}${list(({ name }) => `${name}: $${name}`)} ${selectionOf(field.type, depth)} }`;
    texts.push(await ask(api, documentOf, Object.fromEntries(known.map(({ name, value }) => [name, value]))));
  }
  return texts;
}

/** One node, field by field: together they would cost too much. */
async function askNode(api: HttpClient, typename: string, id: string): Promise<string[]> {
  const type = schema.getType(typename);
  if (!isObjectType(type) || !type.getInterfaces().some(({ name }) => name === 'Node')) return [];
  const texts: string[] = [];
  for (const field of Object.values(type.getFields())) {
    if (fieldOf(field, 1) === undefined) continue;
    const documentOf = (depth: number) =>
      `query Walk($id: ID!) { node(id: $id) { ... on ${typename} { ${fieldOf(field, depth + 1)} } } }`;
    texts.push(await ask(api, documentOf, { id }));
  }
  return texts;
}

/** All that this client is answered to any query about this world. */
export async function walk(api: HttpClient, ids: WorldIds, nodes: readonly string[]): Promise<string> {
  const texts: string[] = [];
  const roots = Object.values((schema.getType('Query') as GraphQLObjectType).getFields());
  for (const field of roots.filter(({ name }) => name !== 'node')) texts.push(...(await askRoot(api, field, ids)));
  for (const id of nodes) {
    const typename = /^(\w+):\d+$/.exec(Buffer.from(id, 'base64').toString())?.[1];
    if (typename !== undefined) texts.push(...(await askNode(api, typename, id)));
  }
  return texts.join('\n');
}
