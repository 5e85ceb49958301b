import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import { type Keyset, keysetStatements, readKeyset } from '../../db/keyset.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';
import type { PayoutFailure, PayoutState } from './payouts.state.ts';

/** Diamonds on their way to a creator as money. */
export type PayoutRow = {
  id: bigint;
  creatorId: bigint;
  /** The viewer that the creator is. */
  viewerId: bigint;
  state: PayoutState;
  requested: bigint;
  diamonds: bigint;
  amountMinor: bigint;
  currency: string;
  rateDiamonds: number;
  rateMinor: number;
  accountToken: string;
  failure: PayoutFailure | null;
  paidTransferId: bigint | null;
  moneyTransferId: bigint | null;
  requestedAt: Date;
  sentAt: Date | null;
  endedAt: Date | null;
};

const COLUMNS = `p.id, p.creator_id AS "creatorId", c.viewer_id AS "viewerId", p.state, p.requested, p.diamonds,
  p.amount_minor AS "amountMinor", p.currency, r.diamonds AS "rateDiamonds", r.amount_minor AS "rateMinor",
  p.account_token AS "accountToken", p.failure, p.paid_transfer_id AS "paidTransferId", p.money_transfer_id AS "moneyTransferId",
  p.requested_at AS "requestedAt", p.sent_at AS "sentAt", p.ended_at AS "endedAt"`;
const JOINS = 'JOIN creator c ON c.id = p.creator_id JOIN payout_rate r ON r.id = p.rate_id';

const BY_ID = lookUpStatements(
  'payouts.byId',
  (equals) => `SELECT ${COLUMNS} FROM payout p ${JOINS} WHERE p.id ${equals}`,
);
const PAGE = keysetStatements(
  'payouts.page',
  { id: 'id', order: 'DESC', values: 1 },
  ({ where, direction, limitMax }) =>
    `SELECT ${COLUMNS} FROM (SELECT * FROM payout WHERE creator_id = $2 AND ${where} ORDER BY id ${direction} LIMIT ${limitMax}) p
       ${JOINS} ORDER BY p.id ${direction} LIMIT $1`,
);

/** Balances of accounts, in the order of their ids as given. */
export async function readBalances(sql: SqlTransaction, accountIds: readonly bigint[]): Promise<bigint[]> {
  const found = await rows<{ balance: bigint }>(
    sql,
    `/* payouts.balances */ SELECT a.balance FROM unnest($1::bigint[]) WITH ORDINALITY n(id, position)
       JOIN ledger_account a ON a.id = n.id ORDER BY n.position`,
    [accountIds],
  );
  return found.map(({ balance }) => balance);
}

/** The newest transfers of accounts whose locks the caller holds, in the order of their ids as given. */
export async function readNewestTransfers(sql: SqlTransaction, accountIds: readonly bigint[]): Promise<bigint[]> {
  const found = await rows<{ id: bigint }>(
    sql,
    `/* payouts.newestTransfers */ SELECT a.last_transfer_id AS id FROM unnest($1::bigint[]) WITH ORDINALITY n(id, position)
       JOIN ledger_account a ON a.id = n.id ORDER BY n.position`,
    [accountIds],
  );
  return found.map(({ id }) => id);
}

/** The creator that a viewer is; undefined for somebody who never went live. */
export async function findCreatorOf(sql: Queryable, viewerId: bigint): Promise<bigint | undefined> {
  const [creator] = await rows<{ id: bigint }>(
    sql,
    '/* payouts.creatorOf */ SELECT id FROM creator WHERE viewer_id = $1',
    [viewerId],
  );
  return creator?.id;
}

/** Payouts by id, in one statement, in any order. */
export function findPayouts(sql: Queryable, ids: readonly bigint[]): Promise<PayoutRow[]> {
  return lookUp<PayoutRow>(sql, BY_ID, ids);
}

/** A page of a creator's payouts, newest first. */
export function readPayoutPage(sql: Queryable, keyset: Keyset, creatorId: bigint): Promise<PayoutRow[]> {
  return readKeyset<PayoutRow>(sql, PAGE, keyset, [creatorId]);
}

/** How many payouts a creator has asked for. */
export async function countPayouts(sql: Queryable, creatorId: bigint): Promise<number> {
  const [counted] = await rows<{ count: bigint }>(
    sql,
    '/* payouts.count */ SELECT count(*) AS count FROM payout WHERE creator_id = $1',
    [creatorId],
  );
  return Number(counted!.count);
}

/** The payout that a creator's key stands for. */
export async function findPayoutByKey(
  sql: Queryable,
  creatorId: bigint,
  key: string,
): Promise<{ id: bigint; requested: bigint } | undefined> {
  const [found] = await rows<{ id: bigint; requested: bigint }>(
    sql,
    '/* payouts.byKey */ SELECT id, requested FROM payout WHERE creator_id = $1 AND idempotency_key = $2',
    [creatorId, key],
  );
  return found;
}

/**
 * The UTC day that a payout of now counts against, what is paid out or under way on it, and when it ends. The day never goes back: a
 * clock that does lends nobody another maximum.
 */
export async function readPayoutDay(
  sql: SqlTransaction,
  creatorId: bigint,
): Promise<{ day: string; amountMinor: bigint; endsAt: Date }> {
  const [today] = await rows<{ day: string; amountMinor: bigint; endsAt: Date }>(
    sql,
    `/* payouts.day */ SELECT d.day::text AS day, ((d.day + 1)::timestamp AT TIME ZONE 'UTC') AS "endsAt",
        (SELECT coalesce(sum(amount_minor), 0)::bigint FROM payout WHERE creator_id = $1 AND day = d.day AND state <> 'FAILED')
          AS "amountMinor"
       FROM (SELECT greatest((clock_timestamp() AT TIME ZONE 'UTC')::date, max(day)) AS day FROM payout WHERE creator_id = $1) d`,
    [creatorId],
  );
  return today!;
}

/** Writes a payout, for anybody to take. */
export async function insertPayout(
  sql: SqlTransaction,
  payout: Pick<PayoutRow, 'creatorId' | 'requested' | 'diamonds' | 'amountMinor' | 'currency' | 'accountToken'> & {
    rateId: bigint;
    idempotencyKey: string;
    day: string;
  },
): Promise<bigint> {
  const [inserted] = await rows<{ id: bigint }>(
    sql,
    `/* payouts.insert */ INSERT INTO payout
       (creator_id, rate_id, requested, diamonds, amount_minor, currency, account_token, idempotency_key, day, try_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::date, clock_timestamp()) RETURNING id`,
    [
      payout.creatorId,
      payout.rateId,
      payout.requested,
      payout.diamonds,
      payout.amountMinor,
      payout.currency,
      payout.accountToken,
      payout.idempotencyKey,
      payout.day,
    ],
  );
  return inserted!.id;
}

/** Reads a payout and locks it until the transaction ends; before the creator's accounts, as the lock order says. */
export async function lockPayout(sql: SqlTransaction, id: bigint): Promise<PayoutRow | undefined> {
  const [payout] = await rows<PayoutRow>(
    sql,
    `/* payouts.lock */ SELECT ${COLUMNS} FROM payout p ${JOINS} WHERE p.id = $1 FOR NO KEY UPDATE OF p`,
    [id],
  );
  return payout;
}

/** Notes that the provider is asked from now on. */
export async function markSent(sql: SqlTransaction, id: bigint): Promise<void> {
  await rows(sql, "/* payouts.sent */ UPDATE payout SET state = 'SENT', sent_at = clock_timestamp() WHERE id = $1", [
    id,
  ]);
}

/** Notes that a payout was paid, and by which transfers. */
export async function markPaid(
  sql: SqlTransaction,
  id: bigint,
  paid: { providerId: string; paidTransferId: bigint; moneyTransferId: bigint },
): Promise<void> {
  await rows(
    sql,
    `/* payouts.paid */ UPDATE payout SET state = 'PAID', provider_id = $2, paid_transfer_id = $3, money_transfer_id = $4,
       ended_at = clock_timestamp() WHERE id = $1`,
    [id, paid.providerId, paid.paidTransferId, paid.moneyTransferId],
  );
}

/** Notes that a payout has failed; its key is free again. */
export async function markFailed(sql: SqlTransaction, id: bigint, failure: PayoutFailure): Promise<void> {
  await rows(
    sql,
    `/* payouts.failed */ UPDATE payout SET state = 'FAILED', failure = $2, idempotency_key = NULL, ended_at = clock_timestamp()
      WHERE id = $1`,
    [id, failure],
  );
}

/** Payouts behind an id that have not ended and that nobody is asking about, in the order of their ids. */
export async function findOpenPayouts(
  sql: Queryable,
  { afterId, limit }: { afterId: bigint; limit: number },
): Promise<bigint[]> {
  const found = await rows<{ id: bigint }>(
    sql,
    `/* payouts.open */ SELECT id FROM payout WHERE state IN ('REQUESTED', 'SENT') AND try_at <= clock_timestamp() AND id > $1
      ORDER BY id LIMIT $2`,
    [afterId, limit],
  );
  return found.map(({ id }) => id);
}

/**
 * Takes a payout, whose row the caller has locked, for a while: nobody else asks the provider about it meanwhile.
 * @returns false when somebody has it
 */
export async function takePayout(sql: SqlTransaction, id: bigint, forMs: number): Promise<boolean> {
  const taken = await rows(
    sql,
    `/* payouts.take */ UPDATE payout SET try_at = clock_timestamp() + make_interval(secs => $2::float8 / 1000)
      WHERE id = $1 AND try_at <= clock_timestamp() RETURNING 1`,
    [id, forMs],
  );
  return taken.length > 0;
}
