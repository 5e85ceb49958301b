/** Taking gifts back as the domains do it, in a test's own SQL transaction. */
import { pino } from 'pino';
import { connectDatabase, type Database } from '../../../src/db/database.ts';
import { lockForReversal, type ReversalReason, reverseGifts } from '../../../src/domains/gifts/gifts.api.ts';
import type { Wallets } from '../../../src/domains/wallet/wallet.api.ts';
import { createWallets } from '../../../src/domains/wallet/wallet.service.ts';
import { appendEvents } from '../../../src/live/live-log.ts';
import { createMemoryBus } from '../../../src/live/memory-bus.ts';

/** A domain that takes gifts back, beside the server on the same database. */
export type Reverser = {
  db: Database;
  wallets: Wallets;
  /** Takes gifts back and commits. Returns how many were not taken back before. */
  reverse: (giftSentIds: readonly bigint[], reason?: ReversalReason) => Promise<number>;
  close: () => Promise<void>;
};

/** Connects one. */
export function connectReverser(url: string): Reverser {
  const log = pino({ level: 'silent' });
  const db = connectDatabase(url, log);
  const bus = createMemoryBus();
  const wallets = createWallets({ db, bus, log });
  return {
    db,
    wallets,
    reverse: (giftSentIds, reason = 'REACTION_SKIPPED') =>
      db.inTransaction(async (sql) => {
        const gifts = await lockForReversal(sql, wallets, giftSentIds);
        const { drafts, reversed } = await reverseGifts(sql, wallets, gifts, reason);
        await appendEvents(sql, drafts);
        return reversed.length;
      }),
    close: async () => {
      await wallets.close();
      await bus.close();
      await db.close();
    },
  };
}
