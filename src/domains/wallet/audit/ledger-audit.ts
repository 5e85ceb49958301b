import type { Database } from '../../../db/database.ts';
import { computeLedger, type LedgerState } from './ledger-audit.repo.ts';

/** Differences that are named; all are counted. */
export const DIFFERENCES_MAX = 100;
/** For so long it may compute: enough for some ten million transfers. What is larger, `npm run audit` streams. */
const AUDIT_MS_MAX = 120_000;

/** The books, recomputed while somebody waits. */
export class LedgerAudit {
  #running: Promise<LedgerState> | undefined;

  constructor(private readonly db: Pick<Database, 'inTransaction'>) {}

  /** Recomputes all balances from the transfers. Whoever asks while it runs gets the same answer: it reads the whole ledger. */
  run(): Promise<LedgerState> {
    this.#running ??= this.db
      .inTransaction((sql) => computeLedger(sql, { found: DIFFERENCES_MAX, timeoutMs: AUDIT_MS_MAX }))
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }
}
