import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';
import { assert } from '../../kernel/assert.ts';
import type { AccountName, TransferKind } from './wallet.accounts.ts';

/** One movement of one unit. */
export type Transfer = {
  debit: bigint;
  credit: bigint;
  unit: string;
  amount: bigint;
  kind: TransferKind;
  causeId: bigint;
  /** The transfer that this one takes back; each can be taken back once. */
  reverses?: bigint;
};

/** A transfer that is looked for: what caused it, and the time that it was made at. */
export type TransferOf = { kind: TransferKind; causeId: bigint; at: Date };

/** A wallet as watchers see it; `version` orders its states. */
export type WalletState = { viewerId: bigint; coins: bigint; version: bigint };

const FIND_ACCOUNTS = statement(
  'wallet.findAccounts',
  `SELECT a.id FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[])
       WITH ORDINALITY n(owner_type, owner_id, unit, kind, position)
       -- LIMIT keeps the look-up by index, whatever the table looked like when this was planned.
       JOIN LATERAL (SELECT id FROM ledger_account l WHERE l.owner_type = n.owner_type AND l.owner_id = n.owner_id
                        AND l.unit = n.unit AND l.kind = n.kind LIMIT 1) a ON true ORDER BY n.position`,
);
const POST = statement('wallet.post', 'SELECT wallet_post($1, $2, $3, $4, $5, $6, clock_timestamp(), $7)');

/** Finds accounts, in one statement, and opens those that there are not yet. Returns their ids in the order of the names. */
export async function ensureAccounts(sql: SqlTransaction, names: readonly AccountName[]): Promise<bigint[]> {
  const columns = [
    names.map((name) => name.ownerType),
    names.map((name) => name.ownerId),
    names.map((name) => name.unit),
    names.map((name) => name.kind),
  ];
  const known = await findAccounts(sql, columns);
  if (known.length === names.length) return known;
  await rows(
    sql,
    `/* wallet.openAccounts */ INSERT INTO ledger_account (owner_type, owner_id, unit, kind)
     SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING`,
    columns,
  );
  const found = await findAccounts(sql, columns);
  assert(found.length === names.length, 'every account was opened');
  return found;
}

async function findAccounts(sql: SqlTransaction, columns: readonly unknown[]): Promise<bigint[]> {
  const found = await rows<{ id: bigint }>(sql, FIND_ACCOUNTS, columns);
  return found.map(({ id }) => id);
}

/**
 * Writes transfers and moves the balances, all or nothing, in the caller's transaction. Locks the accounts by id.
 * A balance that may not go below zero raises the constraint ledger_account_balance_check.
 */
export async function postTransfers(sql: SqlTransaction, transfers: readonly Transfer[]): Promise<void> {
  await rows(sql, POST, [
    transfers.map((transfer) => transfer.debit),
    transfers.map((transfer) => transfer.credit),
    transfers.map((transfer) => transfer.unit),
    transfers.map((transfer) => transfer.amount),
    transfers.map((transfer) => transfer.kind),
    transfers.map((transfer) => transfer.causeId),
    transfers.map((transfer) => transfer.reverses ?? null),
  ]);
}

/** Locks accounts, by id, before something is locked that stands behind them in the lock order. */
export async function lockAccounts(sql: SqlTransaction, accountIds: readonly bigint[]): Promise<void> {
  await rows(sql, '/* wallet.lock */ SELECT FROM ledger_account WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE', [
    accountIds,
  ]);
}

/** Balances of accounts, which the caller has locked if they are to stay. */
export async function readBalances(sql: Queryable, accountIds: readonly bigint[]): Promise<Map<bigint, bigint>> {
  const found = await rows<{ id: bigint; balance: bigint }>(
    sql,
    '/* wallet.balances */ SELECT id, balance FROM ledger_account WHERE id = ANY($1)',
    [accountIds],
  );
  return new Map(found.map(({ id, balance }) => [id, balance]));
}

/** The newest transfer of each account, which the caller has locked. */
export async function readLastTransfers(
  sql: SqlTransaction,
  accountIds: readonly bigint[],
): Promise<Map<bigint, bigint>> {
  const found = await rows<{ id: bigint; last: bigint | null }>(
    sql,
    '/* wallet.lastTransfers */ SELECT id, last_transfer_id AS last FROM ledger_account WHERE id = ANY($1)',
    [accountIds],
  );
  return new Map(found.flatMap(({ id, last }) => (last === null ? [] : [[id, last] as const])));
}

/**
 * The ids of transfers, in one statement, by `<kind>:<cause>`. There is no index of causes, which every gift would pay for: what
 * is found by is the time, as the rows of a time lie together. Rows never change, so look before anything is locked.
 */
export async function findTransfers(sql: Queryable, wanted: readonly TransferOf[]): Promise<Map<string, bigint>> {
  if (wanted.length === 0) return new Map();
  const found = await rows<{ id: bigint; kind: string; causeId: bigint }>(
    sql,
    `/* wallet.transfersOf */ SELECT id, kind, cause_id AS "causeId" FROM transfer
      WHERE created_at = ANY($1::timestamptz[]) AND kind = ANY($2) AND cause_id = ANY($3)`,
    [
      [...new Set(wanted.map(({ at }) => at.toISOString()))],
      [...new Set(wanted.map(({ kind }) => kind))],
      [...new Set(wanted.map(({ causeId }) => causeId))],
    ],
  );
  return new Map(found.map(({ id, kind, causeId }) => [`${kind}:${causeId}`, id]));
}

/** What viewers owe in coins, a positive number each, in one statement; who owes nothing is left out. */
export async function readCoinDebts(sql: Queryable, viewerIds: readonly bigint[]): Promise<Map<bigint, bigint>> {
  const found = await rows<{ viewerId: bigint; balance: bigint }>(
    sql,
    `/* wallet.debts */ SELECT owner_id AS "viewerId", balance FROM ledger_account
      WHERE owner_type = 'VIEWER' AND owner_id = ANY($1) AND unit = 'COIN' AND kind = 'DEBT' AND balance < 0`,
    [viewerIds],
  );
  return new Map(found.map(({ viewerId, balance }) => [viewerId, -balance]));
}

/** The wallets of viewers, in one statement. */
export async function readWallets(sql: Queryable, viewerIds: readonly bigint[]): Promise<WalletState[]> {
  const found = await rows<{ owner_id: bigint; balance: bigint; version: bigint }>(
    sql,
    `/* wallet.read */ SELECT owner_id, balance, version FROM ledger_account
      WHERE owner_type = 'VIEWER' AND owner_id = ANY($1) AND unit = 'COIN' AND kind = 'WALLET'`,
    [viewerIds],
  );
  return found.map((row) => ({ viewerId: row.owner_id, coins: row.balance, version: row.version }));
}

/** A creator's balances in diamonds, by kind. */
export async function readDiamonds(sql: Queryable, creatorId: bigint): Promise<Map<string, bigint>> {
  const found = await rows<{ kind: string; balance: bigint }>(
    sql,
    `/* wallet.diamonds */ SELECT kind, balance FROM ledger_account
      WHERE owner_type = 'CREATOR' AND owner_id = $1 AND unit = 'DIAMOND'`,
    [creatorId],
  );
  return new Map(found.map((row) => [row.kind, row.balance]));
}

/** The rate card that new streams freeze. */
export async function readRateCard(sql: Queryable): Promise<{ id: bigint; coins: number; diamonds: number }> {
  const [card] = await rows<{ id: bigint; coins: number; diamonds: number }>(
    sql,
    '/* wallet.rateCard */ SELECT id, coins, diamonds FROM rate_card ORDER BY id DESC LIMIT 1',
  );
  assert(card, 'there is a rate card');
  return card;
}
