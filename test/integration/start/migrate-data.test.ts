/** A database that was in use before a migration is as good after it: its rows, its rules and what happens next. */

import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { applyMigrations } from '../../../src/db/migrations.ts';
import { sendBatch } from '../../../src/domains/gifts/gifts.repo.ts';
import { expectBooksBalanced } from '../../support/ledger.ts';
import { databaseUrl, withClient } from '../../support/postgres.ts';

const MIGRATIONS = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));
/** What there was before references were checked a statement at a time. */
const BEFORE = ['20261122000000_backbone', '20261122000001_gift_batch'];
const PARTITIONS = ['20261128000000_partitions', '20261128000001_partitions_in_use'];
const STREAK_WINDOW_MS = 3_600_000;

/** A viewer with 100 coins who sends two gifts into a stream, by the functions of that time. */
const IN_USE = `
  INSERT INTO ledger_account (owner_type, owner_id, unit, kind) VALUES
    ('VIEWER', 1, 'COIN', 'WALLET'), ('PLATFORM', 0, 'COIN', 'ISSUANCE'), ('CREATOR', 1, 'COIN', 'GIFTS'),
    ('CREATOR', 1, 'DIAMOND', 'ISSUANCE'), ('CREATOR', 1, 'DIAMOND', 'PENDING');
  INSERT INTO viewer (subject, handle, display_name, wallet_id) VALUES ('test:layla', 'layla', 'Layla "ليلى" \\', 1);
  INSERT INTO creator (viewer_id) VALUES (1);
  INSERT INTO rate_card (coins, diamonds) VALUES (2, 1);
  INSERT INTO gift (name, coins) VALUES ('Rose', 1), ('Heart', 50);
  INSERT INTO stream (creator_id, title, status, rate_card_id, rate_coins, rate_diamonds, gifts_account_id, issuance_account_id,
    pending_account_id) VALUES (1, 'Live', 'LIVE', 1, 2, 1, 3, 4, 5);
  INSERT INTO live_log (stream_id, epoch) VALUES (1, '0badcafe');
  SELECT wallet_post(ARRAY[2::bigint], ARRAY[1::bigint], ARRAY['COIN'], ARRAY[100::bigint], ARRAY['TEST'], ARRAY[0::bigint], now());
  SELECT gifts_send_batch('{1,1}', '{a,b}', '{1,1}', '{1,1}', '{3,2}', interval '1 hour')`;

test('a database in use is migrated: its gifts are known, its streaks go on, its books stay balanced', async () => {
  const server = inject('postgresUrl');
  const name = `hadiya_in_use_${randomUUID().slice(0, 8)}`;
  const url = databaseUrl(server, name);
  const directory = await mkdtemp(join(tmpdir(), 'hadiya-migrations-'));
  await withClient(server, (client) => client.query(`CREATE DATABASE ${name}`));
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  try {
    for (const migration of BEFORE)
      await cp(join(MIGRATIONS, migration), join(directory, migration), { recursive: true });
    await applyMigrations(url, { directory });
    await pool.query(IN_USE);
    await expectBooksBalanced(pool);

    const { applied } = await applyMigrations(url);
    expect(applied).toContain('20261122000002_gift_speed');
    await expectBooksBalanced(pool);
    await pool.query("UPDATE viewer SET birth_date = '1990-01-01'"); // who has not said how old they are sends no gifts
    const order = { viewerId: 1n, streamId: 1n, giftId: 1n, quantity: 2 };
    const { outcomes } = await sendBatch(
      pool,
      [
        { ...order, idempotencyKey: 'b' },
        { ...order, idempotencyKey: 'a' },
        { ...order, idempotencyKey: 'c' },
        { ...order, idempotencyKey: 'd', giftId: 2n },
        { ...order, idempotencyKey: 'e', giftId: 2n, quantity: 1 },
      ],
      STREAK_WINDOW_MS,
    );
    const sender = { id: 1, handle: 'layla', displayName: 'Layla "ليلى" \\' };
    expect(outcomes).toMatchObject([
      { kind: 'REPLAYED', event: { seq: 2n, payload: { sender, streak: 5 } } },
      { kind: 'CONFLICT' },
      { kind: 'SENT', event: { seq: 3n, payload: { sender, streak: 7 } } },
      { kind: 'INSUFFICIENT_COINS', available: 93n, required: 100n },
      { kind: 'SENT', event: { seq: 5n, payload: { sender, streak: 1 } }, wallet: { coins: 43n } },
    ]);
    await expectBooksBalanced(pool);
  } finally {
    await pool.end();
    await withClient(server, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
    await rm(directory, { recursive: true, force: true });
  }
});

/** What an operator of a big database may do beforehand, so that the migration need not read the tables (docs/retention.md). */
const PROVEN = `
  ALTER TABLE live_event ADD CONSTRAINT live_event_before CHECK (stream_id < 4398046511104) NOT VALID;
  ALTER TABLE live_event VALIDATE CONSTRAINT live_event_before;
  ALTER TABLE gift_sent ADD CONSTRAINT gift_sent_before CHECK (id < 4398046511104) NOT VALID;
  ALTER TABLE gift_sent VALIDATE CONSTRAINT gift_sent_before;`;

test.for([
  ['as it is', ''],
  ['with the proof made beforehand', PROVEN],
] as const)(
  'a database in use is partitioned, %s: every row stays where it is, keys are known, ids go on in this month',
  async ([, prepare]) => {
    const server = inject('postgresUrl');
    const name = `hadiya_partitioned_${randomUUID().slice(0, 8)}`;
    const url = databaseUrl(server, name);
    const directory = await mkdtemp(join(tmpdir(), 'hadiya-migrations-'));
    await withClient(server, (client) => client.query(`CREATE DATABASE ${name}`));
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    const dump = async () => {
      const rows = async (sql: string) => (await pool.query(sql)).rows;
      return {
        events: await rows('SELECT stream_id, seq, type, payload, occurred_at FROM live_event ORDER BY 1, 2'),
        gifts: await rows(
          'SELECT id, viewer_id, idempotency_key, stream_id, gift_id, quantity, coins, diamonds, seq, created_at FROM gift_sent ORDER BY 1',
        ),
      };
    };
    try {
      await cp(MIGRATIONS, directory, {
        recursive: true,
        filter: (source) => !PARTITIONS.some((migration) => source.includes(migration)),
      });
      await applyMigrations(url, { directory });
      await pool.query(
        IN_USE.replace('display_name, wallet_id)', 'display_name, wallet_id, birth_date)').replace(
          "\\', 1)",
          "\\', 1, '1990-01-01')",
        ),
      );
      if (prepare) await pool.query(prepare);
      const before = await dump();
      expect([before.events.length, before.gifts.length]).toEqual([2, 2]);
      const file = async (table: string) =>
        (await pool.query('SELECT pg_relation_filenode($1::regclass) AS file', [table])).rows[0].file;
      const files = [await file('live_event'), await file('gift_sent')];

      expect((await applyMigrations(url)).applied).toEqual(PARTITIONS);
      expect(await dump()).toEqual(before);
      expect([await file('live_event_before'), await file('gift_sent_before')], 'nothing is copied').toEqual(files);
      await expectBooksBalanced(pool);

      const order = { viewerId: 1n, streamId: 1n, giftId: 1n, quantity: 3 };
      const { outcomes } = await sendBatch(
        pool,
        [
          { ...order, idempotencyKey: 'a' },
          { ...order, idempotencyKey: 'b' },
          { ...order, idempotencyKey: 'c' },
        ],
        STREAK_WINDOW_MS,
      );
      expect(outcomes).toMatchObject([
        { kind: 'REPLAYED', event: { seq: 1n, payload: { streak: 3 } } },
        { kind: 'CONFLICT' },
        { kind: 'SENT', event: { seq: 3n, payload: { streak: 8 } } },
      ]);
      const { rows } = await pool.query(
        `SELECT g.id >> 42 = month_of(clock_timestamp()) AS this_month, g.id & (2::bigint ^ 42 - 1)::bigint > 2 AS follows,
                g.streak, e.tableoid::regclass::text AS log, new_stream_id() >> 42 = month_of(clock_timestamp()) AS stream
           FROM gift_sent g JOIN live_event e USING (stream_id, seq) WHERE g.idempotency_key = 'c'`,
      );
      expect(rows).toEqual([{ this_month: true, follows: true, streak: 8, log: 'live_event_before', stream: true }]);
      await expectBooksBalanced(pool);

      // All that was there before is one month, which goes when its last stream is over and counted.
      const prune = async () =>
        (await pool.query(`SELECT live_month_prune(0, 'infinity', 1000) AS result`)).rows[0].result;
      expect(await prune()).toBe('RECENT');
      await pool.query(`UPDATE stream SET status = 'ENDED', ended_at = now()`);
      expect(await prune()).toBe('UNREAD');
      await pool.query('UPDATE board_cursor SET done = true');
      expect(await prune()).toBe('PRUNED');
      const { outcomes: again } = await sendBatch(
        pool,
        [
          { ...order, idempotencyKey: 'b', quantity: 2 },
          { ...order, idempotencyKey: 'c' },
        ],
        STREAK_WINDOW_MS,
      );
      const sender = { id: 1, handle: 'layla', displayName: 'Layla "ليلى" \\' };
      const gift = { id: 1, name: 'Rose', coins: 1 };
      expect(again).toMatchObject([
        { kind: 'REPLAYED', event: { seq: 2n, payload: { sender, gift, quantity: 2, coins: 2, streak: 2 } } }, // it was 5: from before
        { kind: 'REPLAYED', event: { seq: 3n, payload: { sender, gift, quantity: 3, coins: 3, streak: 8 } } },
      ]);
    } finally {
      await pool.end();
      await withClient(server, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
      await rm(directory, { recursive: true, force: true });
    }
  },
);
