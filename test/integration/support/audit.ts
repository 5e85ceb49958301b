/** The audits of the ledger, and ways to tamper with it. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { onTestFinished } from 'vitest';
import { auditLedger } from '../../../src/domains/wallet/audit/audit-ledger.ts';
import { type AuditResult, describe, type Head } from '../../../src/domains/wallet/audit/chain-audit.ts';
import { computeLedger } from '../../../src/domains/wallet/audit/ledger-audit.repo.ts';
import { closed } from '../../support/exit.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** What the chain audit says. */
export type Audited = AuditResult & { lines: string[]; heads: Head[] };

/** Audits what a connection sees. Call it in a transaction that sees one state. */
export async function audited(sql: pg.ClientBase, earlier?: readonly Head[]): Promise<Audited> {
  const [lines, heads]: [string[], Head[]] = [[], []];
  const result = await auditLedger(sql, {
    onDifference: (difference) => lines.push(describe(difference)),
    onHead: (head) => void heads.push(head),
    ...(earlier && { earlier: new Map(earlier.map((head) => [head.accountId, head])) }),
  });
  return { ...result, lines, heads };
}

/** Audits a database as of one moment, beside whoever writes. */
export async function auditedNow(pool: pg.Pool): Promise<Audited> {
  return inRolledBack(pool, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', (sql) => audited(sql));
}

/** What the operators' query finds: "BALANCE 5", the rule and the account. */
export async function computed(sql: pg.ClientBase): Promise<string[]> {
  const { found } = await computeLedger(sql, { found: 100, timeoutMs: 60_000 });
  return found.map(({ check, accountId }) => (accountId === null ? check : `${check} ${accountId}`));
}

/** Runs work in a transaction that is rolled back. */
export async function inRolledBack<T>(
  pool: pg.Pool,
  begin: string,
  work: (sql: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query(begin);
    return await work(client);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

/** A transaction in which nothing protects the rows. */
export const UNGUARDED = 'BEGIN; SET LOCAL session_replication_role = replica';

/** Chains everything anew, as somebody could who may write every row and has all the time in the world. */
export const FORGE = `
  UPDATE ledger_account SET last_transfer_id = NULL, last_hash = NULL, transfers = 0, balance = 0;
  DO $$
  DECLARE t record; d ledger_account; c ledger_account; hash bytea;
  BEGIN
    FOR t IN SELECT * FROM transfer ORDER BY id LOOP
      SELECT * INTO d FROM ledger_account WHERE id = t.debit_account_id;
      SELECT * INTO c FROM ledger_account WHERE id = t.credit_account_id;
      UPDATE transfer SET debit_prev = d.last_transfer_id, credit_prev = c.last_transfer_id, debit_hash = d.last_hash, credit_hash = c.last_hash
        WHERE id = t.id;
      hash := sha256(transfer_body(t.id, t.debit_account_id, t.credit_account_id, t.unit, t.amount, t.kind, t.cause_id, t.reverses, t.created_at)
                     || coalesce(d.last_hash, '') || coalesce(c.last_hash, ''));
      UPDATE ledger_account SET last_transfer_id = t.id, last_hash = hash, transfers = transfers + 1,
          balance = balance + CASE WHEN id = t.debit_account_id THEN -t.amount ELSE t.amount END
        WHERE id IN (t.debit_account_id, t.credit_account_id);
    END LOOP;
  END $$`;

/** Runs \`npm run audit\` as a process of its own. */
export async function runAudit(env: Record<string, string>, args: readonly string[] = []) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'prisma/audit.ts', ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (chunk: Buffer) => (texts[name] += chunk));
  const { code } = await closed(child);
  return { code, ...texts };
}
