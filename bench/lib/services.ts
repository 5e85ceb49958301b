import type { Logger } from 'pino';
import { connectDatabase, type Database } from '../../src/db/database.ts';
import type { Actor } from '../../src/domains/accounts/accounts.api.ts';
import { Gifts } from '../../src/domains/gifts/gifts.service.ts';
import { Streams } from '../../src/domains/streams/streams.service.ts';
import type { Wallets } from '../../src/domains/wallet/wallet.api.ts';
import { createWallets } from '../../src/domains/wallet/wallet.service.ts';
import { createLive } from '../../src/live/live.ts';
import { createMemoryBus } from '../../src/live/memory-bus.ts';

/** Longer than any benchmark. */
const TOKEN_LIFE_MS = 3_600_000;

/** The services that a benchmark calls, without any transport. */
export type BenchServices = {
  db: Database;
  wallets: Wallets;
  streams: Streams;
  gifts: Gifts;
  close: () => Promise<void>;
};

/** Puts the services together as the app does, over the bus of a single server. */
export function openServices(databaseUrl: string, log: Logger): BenchServices {
  const bus = createMemoryBus();
  const db = connectDatabase(databaseUrl, log);
  const live = createLive({ db, bus, log });
  const wallets = createWallets({ db, bus, log });
  const streams = new Streams({ db, live, wallets, log, endings: [], watchHooks: [] });
  const gifts = new Gifts({ db, live, wallets, log });
  return {
    db,
    wallets,
    streams,
    gifts,
    close: async () => {
      await Promise.all([gifts.close(), streams.close(), wallets.close()]);
      await live.close();
      await db.close();
    },
  };
}

/** A viewer as one who has just signed in. */
export function asActor(viewer: { id: bigint; handle: string; displayName: string }): Actor {
  return { ...viewer, expiresAt: new Date(Date.now() + TOKEN_LIFE_MS), isOperator: false };
}
