import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';
import { type Keyset, keysetStatements, readKeyset } from '../../db/keyset.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';

/** A creator as everybody sees them, with the stream that they are live with. */
export type CreatorRow = {
  id: bigint;
  viewerId: bigint;
  handle: string;
  displayName: string;
  onAir: { id: bigint; title: string; startedAt: Date } | null;
};

/** A creator as one row of SQL. */
type FlatCreator = Omit<CreatorRow, 'onAir'> & { streamId: bigint | null; title: string; startedAt: Date };

const COLUMNS = `c.id, c.viewer_id AS "viewerId", v.handle, v.display_name AS "displayName",
  s.id AS "streamId", s.title, s.started_at AS "startedAt"`;
const ON_AIR = `LEFT JOIN stream s ON s.creator_id = c.id AND s.status = 'LIVE'`;

const BY_ID = lookUpStatements(
  'creators.byId',
  (equals) => `SELECT ${COLUMNS} FROM creator c JOIN viewer v ON v.id = c.viewer_id ${ON_AIR} WHERE c.id ${equals}`,
);
const BY_HANDLE = lookUpStatements(
  'creators.byHandle',
  (equals) => `SELECT ${COLUMNS} FROM viewer v JOIN creator c ON c.viewer_id = v.id ${ON_AIR} WHERE v.handle ${equals}`,
);
const PAGE = keysetStatements(
  'creators.page',
  { id: 'id', order: 'ASC' },
  ({ where, direction, limitMax }) =>
    `SELECT ${COLUMNS}
       FROM (SELECT id, viewer_id FROM creator WHERE ${where} ORDER BY id ${direction} LIMIT ${limitMax}) c
       JOIN viewer v ON v.id = c.viewer_id ${ON_AIR} ORDER BY c.id ${direction} LIMIT $1`,
);
const SEARCH_PAGE = keysetStatements(
  'creators.searchPage',
  { id: 'c.id', order: 'ASC', values: 1 },
  ({ where, direction, limitMax }) =>
    `SELECT ${COLUMNS}
       FROM (SELECT c.id, c.viewer_id FROM creator c JOIN viewer v ON v.id = c.viewer_id
              WHERE ${where} AND (v.handle ILIKE $2 OR v.display_name ILIKE $2) ORDER BY c.id ${direction} LIMIT ${limitMax}) c
       JOIN viewer v ON v.id = c.viewer_id ${ON_AIR} ORDER BY c.id ${direction} LIMIT $1`,
);
const COUNT = statement('creators.count', 'SELECT count(*) AS count FROM creator');
const SEARCH_COUNT = statement(
  'creators.searchCount',
  `SELECT count(*) AS count FROM creator c JOIN viewer v ON v.id = c.viewer_id
    WHERE v.handle ILIKE $1 OR v.display_name ILIKE $1`,
);

/** The creator that a viewer is; made one if need be. */
export async function ensureCreator(
  sql: SqlTransaction,
  viewerId: bigint,
): Promise<{ creatorId: bigint; isNew: boolean }> {
  const inserted = await rows(
    sql,
    '/* creators.ensure */ INSERT INTO creator (viewer_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id',
    [viewerId],
  );
  const [creator] = await rows<{ id: bigint }>(
    sql,
    '/* creators.byViewer */ SELECT id FROM creator WHERE viewer_id = $1',
    [viewerId],
  );
  return { creatorId: creator!.id, isNew: inserted.length > 0 };
}

/** A page of creators, oldest first: of all, or of those whose handle or name contains a text, in any case. */
export async function readCreatorPage(sql: Queryable, keyset: Keyset, search: string | undefined) {
  const found = search
    ? await readKeyset<FlatCreator>(sql, SEARCH_PAGE, keyset, [containing(search)])
    : await readKeyset<FlatCreator>(sql, PAGE, keyset);
  return found.map(toCreator);
}

/** How many creators there are, or match. */
export async function countCreators(sql: Queryable, search: string | undefined): Promise<number> {
  const [counted] = search
    ? await rows<{ count: bigint }>(sql, SEARCH_COUNT, [containing(search)])
    : await rows<{ count: bigint }>(sql, COUNT);
  return Number(counted!.count);
}

/** Creators by id, in one statement, in any order. */
export async function findCreators(sql: Queryable, ids: readonly bigint[]): Promise<CreatorRow[]> {
  return (await lookUp<FlatCreator>(sql, BY_ID, ids)).map(toCreator);
}

/** Creators by handle, in one statement, in any order. */
export async function findCreatorsByHandle(sql: Queryable, handles: readonly string[]): Promise<CreatorRow[]> {
  return (await lookUp<FlatCreator>(sql, BY_HANDLE, handles)).map(toCreator);
}

function toCreator({ id, viewerId, handle, displayName, streamId, title, startedAt }: FlatCreator): CreatorRow {
  const onAir = streamId === null ? null : { id: streamId, title, startedAt };
  return { id, viewerId, handle, displayName, onAir };
}

/** A pattern of LIKE for a text as it is. */
function containing(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`;
}
