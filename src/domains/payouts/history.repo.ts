import { type Queryable, rows, statement } from '../../db/database.ts';
import type { Keyset } from '../../db/keyset.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';
import type { DiamondKind, Transfer } from '../wallet/wallet.api.ts';

/** The accounts of a creator's diamonds that have a history to read. */
export type HistoryAccount = Exclude<DiamondKind, 'ISSUANCE'>;

/** A gift behind a movement of diamonds, as the log shows it. */
export type GiftOfDiamonds = {
  giftSentId: bigint;
  streamId: bigint;
  seq: bigint;
  /** What it has earned. */
  diamonds: bigint;
  coins: bigint;
  quantity: number;
  sender: { id: number; handle: string; displayName: string };
  gift: { id: number; name: string; coins: number };
};

/** One movement into or out of an account. `id` is the transfer's. */
export type DiamondMove = {
  id: bigint;
  kind: Transfer['kind'];
  /** Above zero: into the account. */
  diamonds: bigint;
  causeId: bigint;
  at: Date;
  gift: GiftOfDiamonds | null;
};

/** A stretch of a stream that was cut. */
export type BucketRow = {
  id: bigint;
  creatorId: bigint;
  viewerId: bigint;
  streamId: bigint;
  state: 'PENDING' | 'SETTLED';
  seqFrom: bigint;
  seqTo: bigint;
  diamonds: bigint;
  reversed: bigint;
  transferId: bigint | null;
  closedAt: Date;
  settlesAt: Date;
  settledAt: Date | null;
};

/** Steps that one page walks back along a chain: gifts are found among what was taken back and settled meanwhile. */
const STEPS_MAX = 10_000;

const ACCOUNT = `SELECT id, last_transfer_id FROM ledger_account
  WHERE owner_type = 'CREATOR' AND owner_id = $1 AND unit = 'DIAMOND' AND kind = $2`;
/** The transfer before `t` of the account `a`. */
const BEFORE = 'CASE WHEN t.debit_account_id = a.id THEN t.debit_prev ELSE t.credit_prev END';
// LIMIT keeps the look-ups by primary key, whatever the tables looked like when this was planned.
const GIFT = `LEFT JOIN LATERAL (SELECT * FROM gift_sent WHERE t.kind IN ('GIFT_EARNED', 'GIFT_UNEARNED') AND id = t.cause_id LIMIT 1) g ON true
  LEFT JOIN LATERAL (SELECT payload FROM live_event WHERE stream_id = g.stream_id AND seq = g.seq LIMIT 1) e ON true`;
/** As the log shows it; where the log is pruned, with the names of now. */
const SHOWN = `coalesce(e.payload, (SELECT jsonb_build_object(
    'sender', jsonb_build_object('id', v.id, 'handle', v.handle, 'displayName', v.display_name),
    'gift', jsonb_build_object('id', k.id, 'name', k.name, 'coins', g.coins / g.quantity))
  FROM viewer v, gift k WHERE v.id = g.viewer_id AND k.id = g.gift_id)) AS payload`;
const MOVE = `t.id, t.kind, t.cause_id AS "causeId", t.created_at AS at, g.id AS "giftSentId", g.stream_id AS "streamId", g.seq,
  g.diamonds AS "giftDiamonds", g.coins, g.quantity, ${SHOWN}`;

/** The chain of an account, newest first: from its newest transfer, or from the one before a transfer of its. */
const walk = (start: string, limit: string) => `WITH RECURSIVE a AS MATERIALIZED (${ACCOUNT}), walk AS (
    SELECT 1 AS step, ${start} AS id
    UNION ALL
    SELECT w.step + 1, (SELECT ${BEFORE} FROM transfer t, a WHERE t.id = w.id) FROM walk w WHERE w.id IS NOT NULL AND w.step < ${limit}
  ) SELECT ${MOVE}, CASE WHEN t.debit_account_id = a.id THEN -t.amount ELSE t.amount END AS diamonds
      FROM walk w CROSS JOIN a CROSS JOIN LATERAL (SELECT * FROM transfer WHERE id = w.id LIMIT 1) t ${GIFT} ORDER BY w.step`;
const FIRST = statement('payouts.history.first', walk('(SELECT last_transfer_id FROM a)', '$3'));
const AFTER = statement(
  'payouts.history.after',
  walk(
    `(SELECT ${BEFORE} FROM transfer t, a WHERE t.id = $4 AND a.id IN (t.debit_account_id, t.credit_account_id))`,
    '$3',
  ),
);

// Walks on as long as it has not met so many gifts of the bucket, or one that is older.
const BUCKET_GIFTS = statement(
  'payouts.bucketGifts',
  `WITH RECURSIVE b AS MATERIALIZED (
     SELECT e.stream_id, e.seq_from, e.seq_to, e.transfer_id, s.pending_account_id AS id FROM earning e JOIN stream s ON s.id = e.stream_id
      WHERE e.id = $1
   ), walk AS (
     SELECT 1 AS step, 0 AS gifts, f.* FROM b CROSS JOIN LATERAL (
       SELECT t.id, t.kind, t.debit_account_id, t.debit_prev, t.credit_prev, g.stream_id, g.seq FROM transfer t
         LEFT JOIN LATERAL (SELECT * FROM gift_sent WHERE t.kind = 'GIFT_EARNED' AND id = t.cause_id LIMIT 1) g ON true
        WHERE t.id = CASE WHEN $3::bigint IS NULL THEN b.transfer_id ELSE (
           SELECT CASE WHEN c.debit_account_id = b.id THEN c.debit_prev ELSE c.credit_prev END FROM transfer c
            WHERE c.id = $3 AND b.id IN (c.debit_account_id, c.credit_account_id)) END LIMIT 1
     ) f
     UNION ALL
     SELECT w.step + 1, w.gifts + (w.seq IS NOT NULL)::int, f.* FROM walk w CROSS JOIN b CROSS JOIN LATERAL (
       SELECT t.id, t.kind, t.debit_account_id, t.debit_prev, t.credit_prev, g.stream_id, g.seq FROM transfer t
         LEFT JOIN LATERAL (SELECT * FROM gift_sent WHERE t.kind = 'GIFT_EARNED' AND id = t.cause_id LIMIT 1) g ON true
        WHERE t.id = CASE WHEN w.debit_account_id = b.id THEN w.debit_prev ELSE w.credit_prev END LIMIT 1
     ) f
      WHERE w.step < ${STEPS_MAX} AND w.gifts + (w.seq IS NOT NULL)::int < $2
        AND (w.seq IS NULL OR (w.stream_id = b.stream_id AND w.seq > b.seq_from))
   ) SELECT ${MOVE}, t.amount AS diamonds FROM walk w CROSS JOIN b CROSS JOIN LATERAL (SELECT * FROM transfer WHERE id = w.id LIMIT 1) t ${GIFT}
      WHERE w.stream_id = b.stream_id AND w.seq > b.seq_from AND w.seq <= b.seq_to ORDER BY w.step LIMIT $2`,
);

const BUCKET_COLUMNS = `e.id, e.creator_id AS "creatorId", c.viewer_id AS "viewerId", e.stream_id AS "streamId", e.state, e.seq_from AS "seqFrom",
  e.seq_to AS "seqTo", e.diamonds, e.reversed, e.transfer_id AS "transferId", e.closed_at AS "closedAt", e.settles_at AS "settlesAt",
  e.settled_at AS "settledAt"`;
const BUCKETS = lookUpStatements(
  'payouts.buckets',
  (equals) =>
    `SELECT ${BUCKET_COLUMNS} FROM earning e JOIN creator c ON c.id = e.creator_id WHERE e.state <> 'OPEN' AND e.id ${equals}`,
);

type FlatMove = Omit<DiamondMove, 'gift'> & {
  giftSentId: bigint | null;
  streamId: bigint;
  seq: bigint;
  giftDiamonds: bigint;
  coins: bigint;
  quantity: number;
  payload: Pick<GiftOfDiamonds, 'sender' | 'gift'>;
};

/**
 * A page of what came into an account of a creator's and went out, newest first: a walk along the account's chain by primary key. No index
 * is needed, and a gift writes nothing for it.
 */
export async function readHistory(
  sql: Queryable,
  { creatorId, account }: { creatorId: bigint; account: HistoryAccount },
  { from, limit }: Keyset,
): Promise<DiamondMove[]> {
  const values = [creatorId, account, limit];
  const found = await (from === undefined
    ? rows<FlatMove>(sql, FIRST, values)
    : rows<FlatMove>(sql, AFTER, [...values, from]));
  return found.map(toMove);
}

/** How many movements an account of a creator's has had. */
export async function countHistory(
  sql: Queryable,
  { creatorId, account }: { creatorId: bigint; account: HistoryAccount },
): Promise<number> {
  const [counted] = await rows<{ transfers: bigint }>(
    sql,
    `/* payouts.historyCount */ SELECT transfers FROM ledger_account
      WHERE owner_type = 'CREATOR' AND owner_id = $1 AND unit = 'DIAMOND' AND kind = $2`,
    [creatorId, account],
  );
  return Number(counted?.transfers ?? 0n);
}

/** A page of the gifts of a bucket that have earned diamonds, newest first. */
export async function readBucketGifts(
  sql: Queryable,
  bucketId: bigint,
  { from, limit }: Keyset,
): Promise<DiamondMove[]> {
  const found = await rows<FlatMove>(sql, BUCKET_GIFTS, [bucketId, limit, from ?? null]);
  return found.map(toMove);
}

/** Whether a transfer is one of an account of a creator's. */
export async function isInHistory(
  sql: Queryable,
  { creatorId, account }: { creatorId: bigint; account: HistoryAccount },
  transferId: bigint,
): Promise<boolean> {
  const found = await rows(
    sql,
    `/* payouts.isInHistory */ SELECT 1 FROM ledger_account a, transfer t
      WHERE a.owner_type = 'CREATOR' AND a.owner_id = $1 AND a.unit = 'DIAMOND' AND a.kind = $2
        AND t.id = $3 AND a.id IN (t.debit_account_id, t.credit_account_id)`,
    [creatorId, account, transferId],
  );
  return found.length > 0;
}

/** Whether a transfer is what a gift of a bucket has earned. */
export async function isInBucket(sql: Queryable, bucketId: bigint, transferId: bigint): Promise<boolean> {
  const found = await rows(
    sql,
    `/* payouts.isInBucket */ SELECT 1 FROM earning e, transfer t, LATERAL gifts_at(ARRAY[t.cause_id]) g
      WHERE e.id = $1 AND t.id = $2 AND t.kind = 'GIFT_EARNED'
        AND g.stream_id = e.stream_id AND g.seq > e.seq_from AND g.seq <= e.seq_to`,
    [bucketId, transferId],
  );
  return found.length > 0;
}

/** Buckets by id that were cut, in one statement, in any order. */
export function findBuckets(sql: Queryable, ids: readonly bigint[]): Promise<BucketRow[]> {
  return lookUp<BucketRow>(sql, BUCKETS, ids);
}

function toMove({ giftSentId, streamId, seq, giftDiamonds, coins, quantity, payload, ...move }: FlatMove): DiamondMove {
  if (giftSentId === null) return { ...move, gift: null };
  const { sender, gift } = payload;
  return { ...move, gift: { giftSentId, streamId, seq, diamonds: giftDiamonds, coins, quantity, sender, gift } };
}
