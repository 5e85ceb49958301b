import { PothosValidationError } from '@pothos/core';
import { KEYSET_LIMIT_MAX, type Keyset } from '../db/keyset.ts';
import { assert } from '../kernel/assert.ts';
import { type builder, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from './builder.ts';
import { toRowId } from './global-id.ts';

assert(PAGE_SIZE_MAX < KEYSET_LIMIT_MAX, 'the largest page leaves room for the row that shows whether there is more');

/** The arguments of every connection, as Relay has them. */
export type PageArgs = {
  first?: number | null;
  after?: string | null;
  last?: number | null;
  before?: string | null;
};

/**
 * Options of a connection's type with a `totalCount`: Pothos gives it no such field by itself.
 * @param items what the connection lists, in the plural: "creators"
 */
export function connectionOf<Name extends string>(name: Name, items: string) {
  return {
    name,
    description: `A page of ${items}.`,
    fields: (t: TotalCountBuilder) => ({
      totalCount: t.int({
        public: true,
        description: `All ${items} that match, on whatever page. Counted only when it is asked for.`,
        resolve: ({ totalCount }) => totalCount(),
      }),
    }),
  } as never as { name: Name };
}

/**
 * A connection of rows in the order of their ids. Neither the page nor the count is read unless it is selected.
 * @throws {GraphQLError} when the arguments contradict each other
 */
export function keysetConnection<Row extends { id: bigint }>(
  args: PageArgs,
  read: { page: (keyset: Keyset) => Promise<Row[]>; count: () => Promise<number> },
) {
  const keyset = toKeyset(args);
  let page: Promise<Page<Row>> | undefined;
  const load = (): Promise<Page<Row>> => {
    page ??= read.page(keyset).then((rows) => toPage(rows, keyset));
    return page;
  };
  return {
    get edges() {
      return load().then(({ edges }) => edges);
    },
    get pageInfo() {
      return load().then(({ pageInfo }) => pageInfo);
    },
    totalCount: read.count,
  };
}

/** As Pothos's own connections read the arguments; cursors are checked before (`rules.rowCursor`). */
function toKeyset({ first, after, last, before }: PageArgs): Keyset {
  for (const [name, size] of Object.entries({ first, last })) {
    if (size != null && size < 0) throw new PothosValidationError(`Argument "${name}" must be a non-negative integer`);
  }
  const refuse = (one: string, other: string): never => {
    throw new PothosValidationError(`Arguments "${one}" and "${other}" are not supported at the same time`);
  };
  if (before && after) refuse('before', 'after');
  if (before != null && first != null) refuse('before', 'first');
  if (after != null && last != null) refuse('after', 'last');
  const cursor = before ?? after;
  return {
    backwards: before != null || last != null,
    from: cursor == null ? undefined : fromCursor(cursor),
    limit: Math.min(first ?? last ?? PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX) + 1,
  };
}

type Page<Row> = {
  edges: { cursor: string; node: Row }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
};

function toPage<Row extends { id: bigint }>(found: readonly Row[], { backwards, from, limit }: Keyset): Page<Row> {
  const hasMore = found.length === limit;
  const rows = !hasMore ? found : backwards ? found.slice(1) : found.slice(0, -1);
  const edges = rows.map((node) => ({ cursor: toCursor(node.id), node }));
  // Before a cursor there is at least the row of the cursor behind the page, and the other way round.
  const beyond = from !== undefined;
  return {
    edges,
    pageInfo: {
      hasNextPage: backwards ? beyond : hasMore,
      hasPreviousPage: backwards ? hasMore : beyond,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

/** The cursor of a row, in the form that Pothos gives to a bigint: those handed out earlier stay good. */
function toCursor(id: bigint): string {
  return Buffer.from(`GPC:I:${id}`).toString('base64');
}

function fromCursor(cursor: string): bigint {
  const id = toRowId(Buffer.from(cursor, 'base64').toString().slice('GPC:I:'.length));
  assert(id !== undefined, 'rules.rowCursor has checked the cursor');
  return id;
}

type TotalCountBuilder = PothosSchemaTypes.ObjectFieldBuilder<
  typeof builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never,
  { totalCount: () => Promise<number> }
>;
