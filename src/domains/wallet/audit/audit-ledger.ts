import type { Queryable } from '../../../db/database.ts';
import { storedAccounts, storedTransfers } from './audit.repo.ts';
import { type AuditResult, ChainAudit, type Difference, type Head } from './chain-audit.ts';

/** What an audit tells while it runs, and what it is given. */
export type AuditOptions = {
  onDifference: (difference: Difference) => void;
  /** So many transfers more were looked at. */
  onProgress?: (transfers: number) => void;
  /** Where the chain of each account stands. */
  onHead?: (head: Head) => void | Promise<void>;
  /** Where chains stood at an earlier audit. */
  earlier?: ReadonlyMap<number, Head>;
  signal?: AbortSignal;
};

/**
 * Recomputes the whole ledger: every hash, every chain, every balance, and compares it with what is stored.
 * @param sql a transaction that sees one state of the database from its beginning to its end (REPEATABLE READ)
 */
export async function auditLedger(sql: Queryable, options: AuditOptions): Promise<AuditResult> {
  const audit = new ChainAudit(options.onDifference, options.earlier);
  for await (const page of storedAccounts(sql)) {
    options.signal?.throwIfAborted();
    for (const account of page) audit.open(account);
  }
  for await (const page of storedTransfers(sql)) {
    options.signal?.throwIfAborted();
    for (const transfer of page) audit.add(transfer);
    options.onProgress?.(page.length);
  }
  for await (const page of storedAccounts(sql)) {
    for (const account of page) {
      const head = audit.compare(account);
      if (head) await options.onHead?.(head);
    }
  }
  return audit.finish();
}
