import type { GiftOrder } from '../../src/domains/gifts/gifts.repo.ts';

export type { GiftOrder } from '../../src/domains/gifts/gifts.repo.ts';

/** What a variant answers. REFUSED stands for too few coins; everything else that may go wrong is thrown. */
export type GiftAnswer = { kind: 'SENT' | 'REPLAYED'; seq: bigint } | { kind: 'REFUSED' };

/** One way to send gifts, opened on a database of its own. */
export type GiftVariant = {
  send: (order: GiftOrder) => Promise<GiftAnswer>;
  /** Where the time has gone since the last call, in one line. */
  profile?: () => string;
  close: () => Promise<void>;
};
