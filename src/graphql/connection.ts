import { PothosValidationError } from '@pothos/core';
import { KEYSET_LIMIT_MAX, type Keyset } from '../db/keyset.ts';
import { assert } from '../kernel/assert.ts';
import { InvalidInputError } from '../kernel/errors.ts';
import { type builder, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from './builder.ts';
import { toRowId } from './global-id.ts';
import { ID_CURSOR, NOT_A_CURSOR, NUMBER_CURSOR } from './rules.ts';

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

/** How the cursors of a list are written and read. `from` returns undefined for a cursor of another list. */
export type Cursors<Row, From> = { of: (row: Row) => string; from: (cursor: string) => From | undefined };

/** Cursors of lists in the order of their ids. */
const idCursors: Cursors<{ id: bigint }, bigint> = { of: ({ id }) => toCursor(id), from: fromCursor };

/** Cursors of lists in the order of a number; rows with the same one in that of their ids. */
export const numberCursors: Cursors<{ id: bigint; sortKey: bigint }, { sortKey: bigint; id: bigint }> = {
  of: ({ id, sortKey }) => Buffer.from(`GPC:K:${sortKey}:${id}`).toString('base64'),
  from: (cursor) => {
    const [, sortKey = '', rowId = ''] = NUMBER_CURSOR.exec(Buffer.from(cursor, 'base64').toString()) ?? [];
    const id = toRowId(rowId);
    return id === undefined ? undefined : { sortKey: BigInt(sortKey), id };
  },
};

/**
 * A connection of rows in the order of their ids. Neither the page nor the count is read unless it is selected.
 * @throws {GraphQLError} when the arguments contradict each other
 * @throws {InvalidInputError} when a cursor is of another list
 */
export function keysetConnection<Row extends { id: bigint }>(
  args: PageArgs,
  read: { page: (keyset: Keyset) => Promise<Row[]>; count: () => Promise<number> },
) {
  return orderedConnection(args, idCursors, read);
}

/** A connection of rows in the order that its cursors stand for; otherwise as {@link keysetConnection}. */
export function orderedConnection<Row, From>(
  args: PageArgs,
  cursors: Cursors<Row, From>,
  read: { page: (keyset: Keyset<From>) => Promise<Row[]>; count: () => Promise<number> },
) {
  const keyset = toKeyset(args, cursors);
  let page: Promise<Page<Row>> | undefined;
  const load = (): Promise<Page<Row>> => {
    page ??= read.page(keyset).then((rows) => toPage(rows, keyset, cursors));
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
function toKeyset<From>({ first, after, last, before }: PageArgs, cursors: Cursors<never, From>): Keyset<From> {
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
  const from = cursor == null ? undefined : cursors.from(cursor);
  if (cursor != null && from === undefined) {
    throw new InvalidInputError([{ path: before == null ? 'after' : 'before', message: NOT_A_CURSOR }]);
  }
  return {
    backwards: before != null || last != null,
    from,
    limit: Math.min(first ?? last ?? PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX) + 1,
  };
}

type Page<Row> = {
  edges: { cursor: string; node: Row }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
};

function toPage<Row, From>(
  found: readonly Row[],
  { backwards, from, limit }: Keyset<From>,
  cursors: Cursors<Row, From>,
): Page<Row> {
  const hasMore = found.length === limit;
  const rows = !hasMore ? found : backwards ? found.slice(1) : found.slice(0, -1);
  const edges = rows.map((node) => ({ cursor: cursors.of(node), node }));
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

function fromCursor(cursor: string): bigint | undefined {
  const [, id = ''] = ID_CURSOR.exec(Buffer.from(cursor, 'base64').toString()) ?? [];
  return toRowId(id);
}

type TotalCountBuilder = PothosSchemaTypes.ObjectFieldBuilder<
  typeof builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never,
  { totalCount: () => Promise<number> }
>;
