import { type Queryable, rows, statement } from '../../../db/database.ts';
import { KEYSET_LIMIT_MAX } from '../../../db/keyset.ts';

/** A movement of a wallet's coins, with all that explains it. */
export type EntryRow = {
  id: bigint;
  kind: string;
  causeId: bigint;
  /** What came in; negative: what went out. */
  amount: bigint;
  /** Coins in the wallet after it. */
  balance: bigint;
  occurredAt: Date;
  /** The transfer that this one takes back. */
  reverses: bigint | null;
  reversesAt: Date | null;
  gift: GiftDetails | null;
  purchase: PurchaseDetails | null;
  box: BoxDetails | null;
};

/** A gift, as it was sent. Ids as Postgres writes them into JSON. */
export type GiftDetails = {
  giftId: number;
  name: string;
  quantity: number;
  coins: number;
  streamId: number;
  title: string;
  seq: number;
  creator: { id: number; handle: string; displayName: string };
};

/** A treasure box, and who funded it. */
export type BoxDetails = {
  id: number;
  streamId: number;
  title: string;
  funder: { id: number; handle: string; displayName: string };
};

/** A purchase of coins. */
export type PurchaseDetails = { id: number; coins: number; priceMinor: number; currency: string };

/** Where a page goes on: behind which transfer, and how many coins there were after that. */
export type Position = { id: bigint; balance: bigint };

const COLUMNS = `t.id, t.kind, t.cause_id, t.amount, t.reverses, t.created_at, t.debit_account_id, t.debit_prev, t.credit_prev`;

// Walks the wallet's chain from $2 rows on, newest first, by primary key: so many steps as there are rows on the page, however long
// the wallet is in use. The balance before a transfer is that after it without what it moved.
const page = (start: string): string => `WITH RECURSIVE page AS (
     ${start}
     UNION ALL
     SELECT ${COLUMNS}, p.account_id,
            p.balance - CASE WHEN p.debit_account_id = p.account_id THEN -p.amount ELSE p.amount END, p.n + 1
       FROM page p, LATERAL (
         SELECT * FROM transfer
          WHERE id = CASE WHEN p.debit_account_id = p.account_id THEN p.debit_prev ELSE p.credit_prev END LIMIT 1
       ) t
      WHERE p.n < least($2, ${KEYSET_LIMIT_MAX + 1})
   )
   SELECT p.id, p.kind, p.cause_id AS "causeId", p.balance, p.created_at AS "occurredAt", p.reverses,
          CASE WHEN p.debit_account_id = p.account_id THEN -p.amount ELSE p.amount END AS amount,
          r.created_at AS "reversesAt", g.details AS gift, c.details AS purchase, b.details AS box
     FROM page p
       LEFT JOIN LATERAL (SELECT created_at FROM transfer WHERE id = p.reverses LIMIT 1) r ON true
       LEFT JOIN LATERAL (
         SELECT json_build_object(
                  'giftId', k.id, 'name', k.name, 'quantity', s.quantity, 'coins', s.coins, 'streamId', l.id, 'title', l.title, 'seq', s.seq,
                  'creator', json_build_object('id', v.id, 'handle', v.handle, 'displayName', v.display_name)) AS details
           FROM gift_sent s JOIN gift k ON k.id = s.gift_id JOIN stream l ON l.id = s.stream_id
             JOIN creator o ON o.id = l.creator_id JOIN viewer v ON v.id = o.viewer_id
          WHERE p.kind IN ('GIFT_SPENT', 'GIFT_REFUNDED') AND s.id = p.cause_id LIMIT 1
       ) g ON true
       LEFT JOIN LATERAL (
         SELECT json_build_object('id', id, 'coins', coins, 'priceMinor', price_minor, 'currency', currency) AS details
           FROM coin_purchase WHERE p.kind IN ('COIN_PURCHASE', 'COINS_CHARGED_BACK') AND id = p.cause_id LIMIT 1
       ) c ON true
       LEFT JOIN LATERAL (
         SELECT json_build_object('id', x.id, 'streamId', l.id, 'title', l.title,
                  'funder', json_build_object('id', v.id, 'handle', v.handle, 'displayName', v.display_name)) AS details
           FROM treasure_box x JOIN stream l ON l.id = x.stream_id JOIN viewer v ON v.id = x.viewer_id
          WHERE p.kind IN ('BOX_FUNDED', 'BOX_CLAIMED', 'BOX_RETURNED') AND x.id = p.cause_id LIMIT 1
       ) b ON true
    ORDER BY p.n`;

const FIRST = statement(
  'wallet.history.first',
  page(`SELECT ${COLUMNS}, a.id AS account_id, a.balance, 1 AS n
     FROM (SELECT * FROM ledger_account WHERE owner_type = 'VIEWER' AND owner_id = $1 AND unit = 'COIN' AND kind = 'WALLET' LIMIT 1) a,
          LATERAL (SELECT * FROM transfer WHERE id = a.last_transfer_id LIMIT 1) t`),
);
// Begins with the transfer of the cursor itself, if it is one of this wallet.
const AFTER = statement(
  'wallet.history.after',
  page(`SELECT ${COLUMNS}, a.id AS account_id, $4::bigint AS balance, 0 AS n
     FROM (SELECT * FROM ledger_account WHERE owner_type = 'VIEWER' AND owner_id = $1 AND unit = 'COIN' AND kind = 'WALLET' LIMIT 1) a,
          LATERAL (SELECT * FROM transfer WHERE id = $3 LIMIT 1) t
    WHERE a.id IN (t.debit_account_id, t.credit_account_id)`),
);
const COUNT = statement(
  'wallet.history.count',
  `SELECT transfers FROM ledger_account WHERE owner_type = 'VIEWER' AND owner_id = $1 AND unit = 'COIN' AND kind = 'WALLET'`,
);

/**
 * A page of what has moved a viewer's coins, newest first, in one statement.
 * @returns undefined when the position is not one of this wallet
 */
export async function readHistory(
  sql: Queryable,
  viewerId: bigint,
  { from, limit }: { from: Position | undefined; limit: number },
): Promise<EntryRow[] | undefined> {
  if (!from) return rows<EntryRow>(sql, FIRST, [viewerId, limit]);
  const found = await rows<EntryRow>(sql, AFTER, [viewerId, limit, from.id, from.balance]);
  return found.length === 0 ? undefined : found.slice(1);
}

/** How often a viewer's coins have moved. */
export async function countHistory(sql: Queryable, viewerId: bigint): Promise<number> {
  const [wallet] = await rows<{ transfers: bigint }>(sql, COUNT, [viewerId]);
  return Number(wallet?.transfers ?? 0n);
}
