/** The ways to check a ledger that are compared. Each returns how many differences it finds. */
import type pg from 'pg';
import { storedAccounts, storedTransfers } from '../../src/domains/wallet/audit/audit.repo.ts';
import { auditLedger } from '../../src/domains/wallet/audit/audit-ledger.ts';
import { computeLedger } from '../../src/domains/wallet/audit/ledger-audit.repo.ts';

/** Differences that a variant would name. None is expected. */
const NAMED = 100;
const LIMIT_MS = 3_600_000;

export const VARIANTS = {
  chain: {
    label: '`npm run audit`: hashes, chains, balances',
    run: async (sql: pg.Client): Promise<number> => {
      const { differences } = await auditLedger(sql, { onDifference: () => undefined });
      return differences;
    },
  },
  sums: {
    label: 'the same rows streamed, balances only, no hashes',
    run: async (sql: pg.Client): Promise<number> => {
      const balances = new Map<number, number>();
      for await (const page of storedTransfers(sql)) {
        for (const { debit, credit, amount } of page) {
          balances.set(debit, (balances.get(debit) ?? 0) - amount);
          balances.set(credit, (balances.get(credit) ?? 0) + amount);
        }
      }
      let differences = 0;
      for await (const page of storedAccounts(sql)) {
        for (const { id, balance } of page) if (balance !== (balances.get(id) ?? 0)) differences++;
      }
      return differences;
    },
  },
  sqlChain: {
    label: 'the same check as one SQL statement, in Postgres',
    run: async (sql: pg.Client): Promise<number> => Number((await sql.query(SQL_CHAIN)).rows[0].differences),
  },
  sqlSums: {
    label: '`ledgerAudit`: balances, counts and heads, in Postgres',
    run: async (sql: pg.Client): Promise<number> =>
      Number((await computeLedger(sql, { found: NAMED, timeoutMs: LIMIT_MS })).differences),
  },
} as const;

/** The name of a variant. */
export type VariantName = keyof typeof VARIANTS;

/** Every transfer's hash, each compared with what the next one of both accounts knows, and the heads with the accounts. */
const SQL_CHAIN = `
  WITH hashed AS MATERIALIZED (
    SELECT id, debit_account_id, credit_account_id, amount, debit_prev, credit_prev, debit_hash, credit_hash,
           sha256(transfer_body(id, debit_account_id, credit_account_id, unit, amount, kind, cause_id, reverses, created_at)
                  || coalesce(debit_hash, '') || coalesce(credit_hash, '')) AS hash
      FROM transfer
  ), leg AS (
    SELECT debit_account_id AS account_id, id, -amount AS amount, debit_prev AS prev, debit_hash AS prev_hash, hash FROM hashed
    UNION ALL
    SELECT credit_account_id, id, amount, credit_prev, credit_hash, hash FROM hashed
  ), chained AS (
    SELECT account_id, id, amount, hash, prev, prev_hash, lag(id) OVER chain AS before, lag(hash) OVER chain AS before_hash,
           sum(amount) OVER chain AS balance, row_number() OVER chain AS n, lead(id) OVER chain IS NULL AS is_last
      FROM leg WINDOW chain AS (PARTITION BY account_id ORDER BY id)
  )
  SELECT count(*) FILTER (WHERE c.prev IS DISTINCT FROM c.before OR c.prev_hash IS DISTINCT FROM c.before_hash
                            OR (c.is_last AND (a.balance, a.last_transfer_id, a.last_hash, a.transfers)
                                  IS DISTINCT FROM (c.balance, c.id, c.hash, c.n))) AS differences
    FROM chained c LEFT JOIN ledger_account a ON a.id = c.account_id`;
