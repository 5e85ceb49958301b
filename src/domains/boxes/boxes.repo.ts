import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';
import type { BoxView } from './boxes.events.ts';
import type { BoxState } from './boxes.state.ts';

/** A treasure box with who funded it. */
export type BoxRow = BoxView & {
  id: bigint;
  streamId: bigint;
  coins: bigint;
  shareCoins: bigint;
  funder: { id: bigint; handle: string; displayName: string };
  fundedAt: Date;
  opensAt: Date;
  closesAt: Date;
  closedAt: Date | null;
  returned: bigint | null;
};

type FlatBox = Omit<BoxRow, 'funder'> & { funderId: bigint; handle: string; displayName: string };

/** Of a box `b` and its funder `v`. */
const COLUMNS = `b.id, b.stream_id AS "streamId", b.coins, b.shares, b.share_coins AS "shareCoins", b.claimed, b.state,
  b.funded_at AS "fundedAt", b.opens_at AS "opensAt", b.closes_at AS "closesAt", b.closed_at AS "closedAt", b.returned,
  v.id AS "funderId", v.handle, v.display_name AS "displayName"`;

const BY_ID = lookUpStatements(
  'boxes.byId',
  (equals) => `SELECT ${COLUMNS} FROM treasure_box b JOIN viewer v ON v.id = b.viewer_id WHERE b.id ${equals}`,
);
const OPEN_OF = lookUpStatements(
  'boxes.openOf',
  (equals) => `SELECT ${COLUMNS} FROM treasure_box b JOIN viewer v ON v.id = b.viewer_id
    WHERE b.stream_id ${equals} AND b.state <> 'CLOSED' ORDER BY b.id`,
);

/** Boxes by id, in one statement, in any order. */
export async function findBoxes(sql: Queryable, ids: readonly bigint[]): Promise<BoxRow[]> {
  return (await lookUp<FlatBox>(sql, BY_ID, ids)).map(toBox);
}

/** The boxes of streams that are not closed, in one statement, oldest first. */
export async function findOpenBoxes(sql: Queryable, streamIds: readonly bigint[]): Promise<BoxRow[]> {
  return (await lookUp<FlatBox>(sql, OPEN_OF, streamIds)).map(toBox);
}

function toBox({ funderId, handle, displayName, ...box }: FlatBox): BoxRow {
  return { ...box, funder: { id: funderId, handle, displayName } };
}

/** Shares that viewers had of boxes, in one statement. */
export async function findShares(
  sql: Queryable,
  claims: readonly { boxId: bigint; viewerId: bigint }[],
): Promise<Map<string, bigint>> {
  const found = await rows<{ boxId: bigint; viewerId: bigint; coins: bigint }>(
    sql,
    `/* boxes.shares */ SELECT c.box_id AS "boxId", c.viewer_id AS "viewerId", c.coins
       FROM unnest($1::bigint[], $2::bigint[]) i(box_id, viewer_id)
       JOIN LATERAL (SELECT * FROM box_claim WHERE box_id = i.box_id AND viewer_id = i.viewer_id LIMIT 1) c ON true`,
    [claims.map(({ boxId }) => boxId), claims.map(({ viewerId }) => viewerId)],
  );
  return new Map(found.map(({ boxId, viewerId, coins }) => [`${boxId}:${viewerId}`, coins]));
}

/** Inserts a box, and says when it is. The caller has the coins moved into it in the same transaction. */
export async function insertBox(
  sql: SqlTransaction,
  box: { streamId: bigint; viewerId: bigint; coins: bigint; shares: number; opensInMs: number; claimWindowMs: number },
): Promise<bigint> {
  const [inserted] = await rows<{ id: bigint }>(
    sql,
    `/* boxes.insert */ INSERT INTO treasure_box (stream_id, viewer_id, coins, shares, share_coins, funded_at, opens_at, closes_at, due_at)
     SELECT $1, $2, $3::bigint, $4::int, $3::bigint / $4::int, now.at, t.opens_at, t.opens_at + make_interval(secs => $6::float8 / 1000), t.opens_at
       FROM (SELECT clock_timestamp() AS at) now, LATERAL (SELECT now.at + make_interval(secs => $5::float8 / 1000) AS opens_at) t
     RETURNING id`,
    [box.streamId, box.viewerId, box.coins, box.shares, box.opensInMs, box.claimWindowMs],
  );
  return inserted!.id;
}

/** How many boxes of a stream are not closed. */
export async function countOpenBoxes(sql: Queryable, streamId: bigint): Promise<number> {
  const [counted] = await rows<{ count: number }>(
    sql,
    `/* boxes.countOpen */ SELECT count(*)::int AS count FROM treasure_box WHERE stream_id = $1 AND state <> 'CLOSED'`,
    [streamId],
  );
  return counted!.count;
}

/** A box as closing it needs it, and what the database's clock says of it. */
export type HeldBox = {
  id: bigint;
  streamId: bigint;
  viewerId: bigint;
  coins: bigint;
  shares: number;
  shareCoins: bigint;
  claimed: number;
  state: BoxState;
  hasOpened: boolean;
  isOver: boolean;
};

const HELD = `id, stream_id AS "streamId", viewer_id AS "viewerId", coins, shares, share_coins AS "shareCoins", claimed, state,
  opens_at <= clock_timestamp() AS "hasOpened", closes_at <= clock_timestamp() AS "isOver"`;
const LOCK = statement(
  'boxes.lock',
  `SELECT ${HELD} FROM treasure_box WHERE id = ANY($1) AND state <> 'CLOSED' ORDER BY id FOR NO KEY UPDATE`,
);
const DUE = `treasure_box WHERE state <> 'CLOSED' AND due_at <= clock_timestamp()`;
/** Finds a row when there is a box to open or to close. */
export const HAS_DUE = `SELECT FROM ${DUE}`;
const FIND_DUE = statement('boxes.due', `SELECT id FROM ${DUE} ORDER BY due_at LIMIT $1`);

/** Boxes that are to be opened or closed. */
export async function findDueBoxes(sql: Queryable, limit: number): Promise<bigint[]> {
  return (await rows<{ id: bigint }>(sql, FIND_DUE, [limit])).map(({ id }) => id);
}

/** Locks boxes, by id, and reads those that are not closed. */
export function lockBoxes(sql: SqlTransaction, ids: readonly bigint[]): Promise<HeldBox[]> {
  return rows<HeldBox>(sql, LOCK, [ids]);
}

/** Locks the boxes of a stream that are not closed, by id, and reads them. */
export function lockBoxesOf(sql: SqlTransaction, streamId: bigint): Promise<HeldBox[]> {
  return rows<HeldBox>(
    sql,
    `/* boxes.lockOf */ SELECT ${HELD} FROM treasure_box WHERE stream_id = $1 AND state <> 'CLOSED' ORDER BY id FOR NO KEY UPDATE`,
    [streamId],
  );
}

/** Opens boxes that the caller holds. */
export async function markOpen(sql: SqlTransaction, ids: readonly bigint[]): Promise<void> {
  await rows(
    sql,
    "/* boxes.open */ UPDATE treasure_box SET state = 'OPEN', due_at = closes_at WHERE id = ANY($1) AND state = 'FUNDED'",
    [ids],
  );
}

/** Closes boxes that the caller holds, and notes what goes back. */
export async function markClosed(sql: SqlTransaction, ids: readonly bigint[]): Promise<void> {
  await rows(
    sql,
    `/* boxes.close */ UPDATE treasure_box SET state = 'CLOSED', closed_at = clock_timestamp(), returned = coins - claimed * share_coins
      WHERE id = ANY($1)`,
    [ids],
  );
}

/** Whether a stream, whose log the caller has locked, is still live. */
export async function isLive(sql: SqlTransaction, streamId: bigint): Promise<boolean> {
  const [stream] = await rows<{ status: string }>(sql, '/* boxes.status */ SELECT status FROM stream WHERE id = $1', [
    streamId,
  ]);
  return stream?.status === 'LIVE';
}
