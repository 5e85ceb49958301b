/** People, gifts, reversals and orders of the past, as rows: what the services write now, written at another time. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { HttpClient } from '../../support/client.ts';
import type { Endpoint } from '../../support/endpoint.ts';
import { freshHandle, query, signIn, startStream } from '../../support/operations.ts';
import { rowOf } from './ids.ts';
import { QUIET, testOn } from './shared-server.ts';
import { insertMerchant } from './shop-rows.ts';

/** How long transactions under way are waited for: long enough for any that other tests have, in databases beside this. */
export const SETTLE_WAIT_MS_MAX = 60_000;

/** What closes quarters takes its time on a busy machine: each day of them is a statement or more. */
export const CLOSING = { timeout: 120_000 };

const { community } = QUIET.overrides;
const reports = { ...community.reports, settleWaitMsMax: SETTLE_WAIT_MS_MAX };

/** The test function of files that close quarters. */
export const test = testOn({ overrides: { ...QUIET.overrides, community: { ...community, reports } } });

/** Somebody with coins. */
export type Person = { id: string; region: string | null };

/** A stream whose gifts count for its creator. */
export type Channel = { streamId: string; creatorId: string };

/** A gift that was sent. */
export type Gift = { id: string; person: Person; channel: Channel; coins: number; at: string };

/** Coins that a person has, if nothing else is said. */
const COINS = 1_000_000;
const POST =
  'SELECT wallet_post($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::timestamptz, $8::bigint[])';

/** A transfer to be written. */
type Posting = {
  debit: string;
  credit: string;
  unit: string;
  amount: number;
  kind: string;
  cause: string;
  reverses?: string;
};

/** Writes transfers at a time of the past, as the ledger does. */
async function post(pool: Pool, transfers: Posting[], at: string): Promise<void> {
  const column = (name: keyof Posting) => transfers.map((transfer) => transfer[name] ?? null);
  await pool.query(POST, [
    column('debit'),
    column('credit'),
    column('unit'),
    column('amount'),
    column('kind'),
    column('cause'),
    at,
    column('reverses'),
  ]);
}

async function account(pool: Pool, ownerType: string, ownerId: string, unit: string, kind: string): Promise<string> {
  const values = [ownerType, ownerId, unit, kind];
  await pool.query(
    'INSERT INTO ledger_account (owner_type, owner_id, unit, kind) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
    values,
  );
  const { rows } = await pool.query<{ id: string }>(
    'SELECT id FROM ledger_account WHERE owner_type = $1 AND owner_id = $2 AND unit = $3 AND kind = $4',
    values,
  );
  return rows[0]!.id;
}

/** Inserts so many people of a region, each with coins. */
export async function insertPeople(
  pool: Pool,
  count: number,
  region: string | null,
  coins: number = COINS,
): Promise<Person[]> {
  const { rows } = await pool.query<{ id: string; wallet_id: string }>(
    `WITH wallet AS (
       INSERT INTO ledger_account (owner_type, owner_id, unit, kind)
         SELECT 'VIEWER', nextval('viewer_id_seq'), 'COIN', 'WALLET' FROM generate_series(1, $1) RETURNING id, owner_id
     ) INSERT INTO viewer (id, subject, handle, display_name, wallet_id, region)
         SELECT owner_id, 'past:' || owner_id, 'past' || owner_id, 'Past ' || owner_id, id, $2 FROM wallet RETURNING id, wallet_id`,
    [count, region],
  );
  const issuance = await account(pool, 'PLATFORM', '0', 'COIN', 'ISSUANCE');
  const grants = rows.map(({ id, wallet_id }) => {
    return { debit: issuance, credit: wallet_id, unit: 'COIN', amount: coins, kind: 'DEMO_GRANT', cause: id };
  });
  await post(pool, grants, new Date().toISOString());
  return rows.map(({ id }) => ({ id, region }));
}

/** Puts a new creator on air. */
export async function openChannel(server: Pick<Endpoint, 'url'>, pool: Pool): Promise<Channel> {
  const { id } = await startStream(await signIn(server, freshHandle('creator')));
  const { rows } = await pool.query<{ creator_id: string }>('SELECT creator_id FROM stream WHERE id = $1', [rowOf(id)]);
  return { streamId: String(rowOf(id)), creatorId: rows[0]!.creator_id };
}

/** Inserts a gift of the past, with its transfer. */
export async function insertGift(
  pool: Pool,
  person: Person,
  channel: Channel,
  coins: number,
  at: string,
): Promise<Gift> {
  const [gift] = await insertGifts(pool, [person], channel, coins, at);
  return gift!;
}

/** Inserts a gift of each of these people, with their transfers. */
export async function insertGifts(
  pool: Pool,
  people: readonly Person[],
  channel: Channel,
  coins: number,
  at: string,
): Promise<Gift[]> {
  const ids = people.map(({ id }) => id);
  await pool.query(
    `INSERT INTO stream_gifter AS t (stream_id, viewer_id, coins) SELECT $1, unnest($2::bigint[]), $3
     ON CONFLICT (stream_id, viewer_id) DO UPDATE SET coins = t.coins + EXCLUDED.coins`,
    [channel.streamId, ids, coins],
  );
  const { rows } = await pool.query<{ id: string; viewer: string; wallet: string; gifts: string }>(
    `WITH sent AS (
       INSERT INTO gift_sent (viewer_id, idempotency_key, stream_id, gift_id, quantity, coins, diamonds, seq, created_at)
         SELECT p.id, $2, $3, (SELECT min(id) FROM gift), 1, $4, 0, 1000 + p.n + (SELECT count(*) FROM gift_sent WHERE stream_id = $3), $5
           FROM unnest($1::bigint[]) WITH ORDINALITY p(id, n) RETURNING id, viewer_id, stream_id
     ) SELECT g.id, v.id AS viewer, v.wallet_id AS wallet, s.gifts_account_id AS gifts
         FROM sent g JOIN viewer v ON v.id = g.viewer_id JOIN stream s ON s.id = g.stream_id`,
    [ids, randomUUID(), channel.streamId, coins, at],
  );
  const spent = rows.map(({ id, wallet, gifts }) => {
    return { debit: wallet, credit: gifts, unit: 'COIN', amount: coins, kind: 'GIFT_SPENT', cause: id };
  });
  await post(pool, spent, at);
  const giftOf = new Map(rows.map(({ id, viewer }) => [viewer, id]));
  return people.map((person) => ({ id: giftOf.get(person.id)!, person, channel, coins, at }));
}

/** Takes a gift back at a time of the past, as the ledger has it. */
export async function insertReversal(pool: Pool, gift: Gift, at: string): Promise<void> {
  const { rows } = await pool.query<{ id: string; debit: string; credit: string }>(
    `SELECT id, debit_account_id AS debit, credit_account_id AS credit FROM transfer WHERE kind = 'GIFT_SPENT' AND cause_id = $1`,
    [gift.id],
  );
  const { id, debit, credit } = rows[0]!;
  const back = { debit: credit, credit: debit, unit: 'COIN', amount: gift.coins, cause: gift.id, reverses: id };
  await post(pool, [{ ...back, kind: 'GIFT_REFUNDED' }], at);
}

/** An order that was paid. */
export type Order = { row: string; merchantRow: string; currency: string };

/** Inserts an order and its payment at a time of the past. */
export async function insertOrder(
  pool: Pool,
  person: Person,
  paid: { minor: number; currency?: string },
  at: string,
): Promise<Order> {
  const { minor, currency = 'USD' } = paid;
  const { merchantId } = await insertMerchant(pool);
  const { rows } = await pool.query<{ row: string; merchantRow: string }>(
    `WITH paid AS (
       INSERT INTO checkout (buyer_id, input_hash, state, amount_minor, currency, payment_token, held_until)
         VALUES ($1, '', 'PAID', $3, $4, 'tok_ok', $5) RETURNING id
     ) INSERT INTO shop_order (number, checkout_id, buyer_id, merchant_id, state, currency, total_minor, created_at)
         SELECT gen_random_uuid(), id, $1, $2, 'COMPLETED', $4, $3, $5 FROM paid RETURNING id AS row, merchant_id AS "merchantRow"`,
    [person.id, merchantId, minor, currency, at],
  );
  const order = { ...rows[0]!, currency };
  await insertMoney(pool, order, minor, 'ORDER_PAID', at);
  return order;
}

/** Writes money of an order that moved at a time of the past: in, or back. */
export async function insertMoney(
  pool: Pool,
  { row, merchantRow, currency }: Order,
  minor: number,
  kind: 'ORDER_PAID' | 'ORDER_REFUNDED' | 'ORDER_CHARGED_BACK',
  at: string,
): Promise<void> {
  const clearing = await account(pool, 'PLATFORM', '0', currency, 'CLEARING');
  const escrow = await account(pool, 'MERCHANT', merchantRow, currency, 'ESCROW');
  const [debit, credit] = kind === 'ORDER_PAID' ? [clearing, escrow] : [escrow, clearing];
  await post(pool, [{ debit: debit!, credit: credit!, unit: currency, amount: minor, kind, cause: row }], at);
}

/** Money as tests read it. */
type Amount = { minorUnits: number; currency: string };

/** A report as tests read it. */
export type ReportNode = {
  year: number;
  quarter: number;
  region: string | null;
  from: string;
  to: string;
  suppressed: boolean;
  giftCoins: number;
  sentCoins: number;
  reversals: number;
  reversedCoins: number;
  giftSpend: Amount;
  coinPrice: Amount;
  gifts: number;
  gifters: number;
  creators: number;
  coinsPerGifter: number | null;
  giftCoinsGrowth: number | null;
  giftersGrowth: number | null;
  productSpend: Amount;
  productSpends: Amount[];
  orders: number;
  buyers: number;
  closed: boolean;
  closedAt: string | null;
  checksum: string | null;
};

/** What tests look at of a report. */
export const REPORT_FIELDS = `year quarter region from to suppressed giftCoins sentCoins reversals reversedCoins
  giftSpend { minorUnits currency } coinPrice { minorUnits currency } gifts gifters creators coinsPerGifter giftCoinsGrowth giftersGrowth
  productSpend { minorUnits currency } productSpends { minorUnits currency } orders buyers closed closedAt checksum`;

/** Asks for a report. */
export async function readReport(
  api: HttpClient,
  input: { year: number; quarter: number; region?: string },
): Promise<ReportNode> {
  const document = `query Report($input: SpendingReportInput!) { spendingReport(input: $input) { ${REPORT_FIELDS} } }`;
  return (await query<{ spendingReport: ReportNode }>(api, document, { input })).spendingReport;
}
