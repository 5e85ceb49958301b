import type pg from 'pg';
import { type Queryable, statement } from '../../../db/database.ts';

/** Rows of one page: enough that the round trip is nothing beside them, few enough that their memory is nothing, either. */
export const AUDIT_PAGE_SIZE = 10_000;

/** Before all ids that a row can have: nothing hides in numbers that nobody hands out. */
const ID_MIN = String(-(2n ** 63n));

/** An account as it is stored. Numbers are exact up to 2^53 − 1, which ids do not reach and the database lets no amount pass. */
export type StoredAccount = {
  id: number;
  owner: string;
  unit: string;
  kind: string;
  balance: number;
  lastTransferId: number | null;
  /** In hexadecimal digits. */
  lastHash: string | null;
  transfers: number;
};

/** A transfer as it is stored. */
export type StoredTransfer = {
  id: number;
  debit: number;
  credit: number;
  unit: string;
  amount: number;
  kind: string;
  causeId: number;
  reverses: number | null;
  /** Milliseconds since 1970. */
  at: number;
  debitPrev: number | null;
  creditPrev: number | null;
  debitHash: string | null;
  creditHash: string | null;
};

const ACCOUNTS = statement(
  'audit.accounts',
  `SELECT id, owner_type || ' ' || owner_id || ' ' || unit || ' ' || kind, unit, kind, balance, last_transfer_id,
          encode(last_hash, 'hex'), transfers
     FROM ledger_account WHERE id > $1 ORDER BY id LIMIT ${AUDIT_PAGE_SIZE}`,
);
const TRANSFERS = statement(
  'audit.transfers',
  `SELECT id, debit_account_id, credit_account_id, unit, amount, kind, cause_id, reverses, (extract(epoch FROM created_at) * 1000)::bigint,
          debit_prev, credit_prev, encode(debit_hash, 'hex'), encode(credit_hash, 'hex')
     FROM transfer WHERE id > $1 ORDER BY id LIMIT ${AUDIT_PAGE_SIZE}`,
);

/** int8 as number: millions of rows of bigint would take several times as long. */
const types: pg.CustomTypesConfig = { getTypeParser: () => (value: string) => value };
type Cells = (string | null)[];

/** All accounts, in the order of their ids, a page at a time. */
export function storedAccounts(sql: Queryable): AsyncGenerator<StoredAccount[]> {
  return pages(sql, ACCOUNTS, (cells) => ({
    id: Number(cells[0]),
    owner: cells[1]!,
    unit: cells[2]!,
    kind: cells[3]!,
    balance: Number(cells[4]),
    lastTransferId: toNumber(cells[5]),
    lastHash: cells[6]!,
    transfers: Number(cells[7]),
  }));
}

/** All transfers, in the order of their ids, a page at a time. */
export function storedTransfers(sql: Queryable): AsyncGenerator<StoredTransfer[]> {
  return pages(sql, TRANSFERS, (cells) => ({
    id: Number(cells[0]),
    debit: Number(cells[1]),
    credit: Number(cells[2]),
    unit: cells[3]!,
    amount: Number(cells[4]),
    kind: cells[5]!,
    causeId: Number(cells[6]),
    reverses: toNumber(cells[7]),
    at: Number(cells[8]),
    debitPrev: toNumber(cells[9]),
    creditPrev: toNumber(cells[10]),
    debitHash: cells[11]!,
    creditHash: cells[12]!,
  }));
}

function toNumber(cell: string | null | undefined): number | null {
  return cell == null ? null : Number(cell);
}

/** Reads rows behind rows by their first column. The next page is on its way while one is worked on. */
async function* pages<Row extends { id: number }>(
  sql: Queryable,
  { name, text }: { name: string; text: string },
  toRow: (cells: Cells) => Row,
): AsyncGenerator<Row[]> {
  const read = async (behind: string): Promise<Cells[]> =>
    (await sql.query<Cells>({ name, text, values: [behind], types, rowMode: 'array' })).rows;
  let found = await read(ID_MIN);
  while (found.length > 0) {
    const next = found.length < AUDIT_PAGE_SIZE ? undefined : read(found.at(-1)![0]!);
    next?.catch(() => undefined); // It is looked at below; until then nobody must miss that it failed.
    yield found.map(toRow);
    found = (await next) ?? [];
  }
}

/** How many transfers the accounts say there are, each in two of them. For a progress bar. */
export async function countTransfers(sql: Queryable): Promise<number> {
  const { rows } = await sql.query<{ transfers: string }>(
    '/* audit.count */ SELECT (coalesce(sum(transfers), 0) / 2)::bigint AS transfers FROM ledger_account',
  );
  return Number(rows[0]!.transfers);
}

/** Whether the database holds a ledger whose transfers are chained. */
export async function hasChainedLedger(sql: Queryable): Promise<boolean> {
  const { rows } = await sql.query(
    `/* audit.exists */ SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('ledger_account') AND attname = 'last_hash'`,
  );
  return rows.length > 0;
}
