import { type Database, rows } from '../src/db/database.ts';
import { StreamAlreadyLiveError } from '../src/domains/streams/streams.errors.ts';
import { accountNames } from '../src/domains/wallet/wallet.api.ts';
import type { Services } from '../src/graphql/context.ts';
import { seedDemoReactions } from './seed-reactions.ts';
import { seedDemoShop } from './seed-shop.ts';

/** Coins that each demo viewer begins with. */
const DEMO_COINS = 10_000n;
const DEMO_VIEWERS = ['layla', 'omar', 'sara'];
/** Who reacts to gifts. */
const DEMO_NPC = 'pinkydoll';
const DEMO_STREAMS = [
  { handle: DEMO_NPC, title: 'Ice cream so good! NPC live' },
  { handle: 'souq', title: 'سوق Hadiya: today’s finds' },
];
const SEED_LOCK = 4_823_017;

/** What every server needs and none has by itself: gifts, coin packs, the first rate card and the platform's own shop. Does nothing where they are. */
export async function seedCatalogue(db: Database): Promise<void> {
  await db.inTransaction(async (sql) => {
    await rows(sql, '/* seed.lock */ SELECT pg_advisory_xact_lock($1)', [SEED_LOCK]);
    // Not with the rest: servers that were set up before there was a shop have the rest, and not this.
    await rows(
      sql,
      `/* seed.platform */ INSERT INTO merchant (handle, name, kind, verified) VALUES ('hadiya', 'Hadiya', 'PLATFORM', true)
       ON CONFLICT DO NOTHING`,
    );
    const [known] = await rows<{ count: bigint }>(sql, '/* seed.known */ SELECT count(*) FROM rate_card');
    if (known!.count > 0n) return;
    await rows(sql, '/* seed.rateCard */ INSERT INTO rate_card (coins, diamonds) VALUES (2, 1)');
    await rows(
      sql,
      `/* seed.gifts */ INSERT INTO gift (name, coins) VALUES ('Rose', 1), ('Ice Cream', 10), ('Heart', 50), ('Fireworks', 200),
       ('Galaxy', 1000), ('Lion', 5000)`,
    );
    await rows(
      sql,
      `/* seed.packs */ INSERT INTO coin_pack (coins, price_minor, currency) VALUES (70, 99, 'USD'), (350, 499, 'USD'),
       (700, 999, 'USD'), (3500, 4999, 'USD'), (7000, 9999, 'USD')`,
    );
  });
}

/** The people of the demo, with coins and two live streams, one of which reacts to gifts, and its merchants. Once: what visitors change, or end, stays so. */
export async function seedDemo(services: Services): Promise<void> {
  const { db, accounts, wallets, streams } = services;
  for (const handle of DEMO_VIEWERS) {
    const { viewer } = await accounts.signIn(handle);
    await db.inTransaction(async (sql) => {
      await rows(sql, '/* seed.lock */ SELECT pg_advisory_xact_lock($1)', [SEED_LOCK]);
      // The grant is the first thing that happens to the wallet. Not asked of the transfers, which may be millions by now.
      if ((await wallets.read(sql, viewer.id)).version > 0n) return;
      const [issuance, wallet] = await wallets.accounts(sql, [
        accountNames.coinIssuance(),
        accountNames.wallet(viewer.id),
      ]);
      await wallets.post(sql, [
        { debit: issuance!, credit: wallet!, unit: 'COIN', amount: DEMO_COINS, kind: 'DEMO_GRANT', causeId: viewer.id },
      ]);
    });
  }
  for (const { handle, title } of DEMO_STREAMS) {
    const { viewer } = await accounts.signIn(handle);
    const creator = await db.prisma.creator.findUnique({ where: { viewerId: viewer.id }, select: { id: true } });
    if (creator) continue;
    await streams.start(viewer, title).catch((error: unknown) => {
      // Another server that starts at this moment was quicker.
      if (!(error instanceof StreamAlreadyLiveError)) throw error;
    });
  }
  await seedDemoReactions(services, DEMO_NPC);
  await seedDemoShop(services);
}
