import { rows, type SqlTransaction } from '../../../db/database.ts';

/** What is compared of an account, or of all accounts of a unit. */
export type LedgerCheck = 'BALANCE' | 'SIGN' | 'TRANSFERS' | 'HEAD' | 'HEAD_HASH' | 'UNIT' | 'UNIT_TOTAL';

/** Something that is stored otherwise than it is computed. */
export type LedgerDifference = {
  check: LedgerCheck;
  /** Undefined for all accounts of a unit. */
  accountId: bigint | null;
  /** What the account is: "VIEWER 7 COIN WALLET"; for all of a unit, the unit. */
  account: string;
  stored: string | null;
  computed: string | null;
};

/** The balances of a unit together. */
export type LedgerUnit = { unit: string; accounts: bigint; issued: bigint; total: bigint };

/** What the whole ledger comes to. */
export type LedgerState = {
  checkedAt: Date;
  accounts: bigint;
  transfers: bigint;
  differences: bigint;
  found: LedgerDifference[];
  units: LedgerUnit[];
};

// Set-based: one pass over the transfers, one over the accounts. The hash of each account's newest transfer is computed anew from
// what is stored of it; whether those before it hang together, `npm run audit` says.
const AUDIT = `/* wallet.audit */ WITH leg AS (
    SELECT credit_account_id AS account_id, id, unit, amount FROM transfer
    UNION ALL
    SELECT debit_account_id, id, unit, -amount FROM transfer
  ), computed AS (
    SELECT account_id, sum(amount) AS balance, count(*) AS transfers, max(id) AS head, min(unit) AS unit_min, max(unit) AS unit_max
      FROM leg GROUP BY account_id
  ), compared AS (
    SELECT coalesce(a.id, c.account_id) AS id, a.id IS NULL AS missing, a.owner_type, a.owner_id, a.unit, a.kind,
           a.balance, a.transfers, a.last_transfer_id, a.last_hash,
           coalesce(c.balance, 0) AS c_balance, coalesce(c.transfers, 0) AS c_transfers, c.head, c.unit_min, c.unit_max,
           CASE WHEN c.head IS NOT NULL THEN (
             SELECT sha256(transfer_body(t.id, t.debit_account_id, t.credit_account_id, t.unit, t.amount, t.kind, t.cause_id, t.reverses, t.created_at)
                           || coalesce(t.debit_hash, '') || coalesce(t.credit_hash, '')) FROM transfer t WHERE t.id = c.head
           ) END AS c_hash
      FROM ledger_account a FULL JOIN computed c ON c.account_id = a.id
  ), unit AS (
    SELECT unit, count(*) AS accounts, coalesce(-sum(balance) FILTER (WHERE kind IN ('ISSUANCE', 'CLEARING')), 0) AS issued, sum(balance) AS total
      FROM ledger_account GROUP BY unit
  ), difference AS (
    SELECT d.*, a.id AS account_id,
           CASE WHEN a.missing THEN 'an account that is not there' ELSE concat_ws(' ', a.owner_type, a.owner_id, a.unit, a.kind) END AS account
      FROM compared a, LATERAL (VALUES
        (1, 'BALANCE', a.balance::text, a.c_balance::text, a.balance IS DISTINCT FROM a.c_balance),
        (2, 'SIGN', a.balance::text, NULL, (a.balance < 0 AND a.kind NOT IN ('ISSUANCE', 'CLEARING', 'DEBT')) OR (a.balance > 0 AND a.kind = 'DEBT')),
        (3, 'TRANSFERS', a.transfers::text, a.c_transfers::text, a.transfers IS DISTINCT FROM a.c_transfers),
        (4, 'HEAD', a.last_transfer_id::text, a.head::text, a.last_transfer_id IS DISTINCT FROM a.head),
        (5, 'HEAD_HASH', encode(a.last_hash, 'hex'), encode(a.c_hash, 'hex'), a.last_hash IS DISTINCT FROM a.c_hash),
        (6, 'UNIT', a.unit, concat_ws(', ', nullif(a.unit_min, a.unit), nullif(a.unit_max, a.unit)), a.unit_min <> a.unit OR a.unit_max <> a.unit)
      ) d(position, name, stored, computed, is_wrong)
     WHERE d.is_wrong
    UNION ALL
    SELECT 0, 'UNIT_TOTAL', u.total::text, '0', true, NULL, u.unit FROM unit u WHERE u.total <> 0
  )
  SELECT clock_timestamp() AS "checkedAt", (SELECT count(*) FROM ledger_account) AS accounts,
         (SELECT coalesce(sum(c_transfers), 0) / 2 FROM compared)::bigint AS transfers, (SELECT count(*) FROM difference) AS differences,
         (SELECT coalesce(json_agg(json_build_object('check', f.name, 'accountId', f.account_id::text, 'account', f.account, 'stored', f.stored,
                                                     'computed', f.computed) ORDER BY f.account_id NULLS FIRST, f.position), '[]')
            FROM (SELECT * FROM difference ORDER BY account_id NULLS FIRST, position LIMIT $1) f) AS found,
         (SELECT coalesce(json_agg(json_build_object('unit', unit, 'accounts', accounts::text, 'issued', issued::text, 'total', total::text)
                                   ORDER BY unit), '[]') FROM unit) AS units`;

type Found = Omit<LedgerState, 'found' | 'units'> & {
  found: (Omit<LedgerDifference, 'accountId'> & { accountId: string | null })[];
  units: { unit: string; accounts: string; issued: string; total: string }[];
};

/**
 * Recomputes the ledger in one statement, so of one moment.
 * @param limits how many differences are named, and how long it may take
 */
export async function computeLedger(
  sql: SqlTransaction,
  { found, timeoutMs }: { found: number; timeoutMs: number },
): Promise<LedgerState> {
  await rows(sql, `/* wallet.auditTime */ SELECT set_config('statement_timeout', $1, true)`, [String(timeoutMs)]);
  const [state] = await rows<Found>(sql, AUDIT, [found]);
  return {
    ...state!,
    found: state!.found.map((row) => ({ ...row, accountId: row.accountId === null ? null : BigInt(row.accountId) })),
    units: state!.units.map(({ unit, accounts, issued, total }) => ({
      unit,
      accounts: BigInt(accounts),
      issued: BigInt(issued),
      total: BigInt(total),
    })),
  };
}
