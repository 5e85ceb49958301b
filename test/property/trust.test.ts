/**
 * Gifts, caps, reactions, goals, boxes, battles, banks, mutes, streams and payouts, all at once, while all sweeps run: after each wave and
 * when everything has come to rest, money, counters, caps and logs agree.
 */
import fc from 'fast-check';
import type { Pool, PoolClient } from 'pg';
import { expect } from 'vitest';
import type { Services } from '../../src/graphql/context.ts';
import { groupBy } from '../../src/kernel/group-by.ts';
import { auditedNow, inRolledBack } from '../integration/support/audit.ts';
import { uncounted } from '../integration/support/boards.ts';
import { expectEarningsBalanced } from '../integration/support/payouts.ts';
import { QUIET, testOn } from '../integration/support/shared-server.ts';
import type { LiveEvent } from '../support/operations.ts';
import { replayDatabase } from '../support/replay.ts';
import { replayBattle } from '../support/replay-battle.ts';
import { type Action, action, EVERYTHING, expected, newWorld, perform, type World } from './trust-world.ts';

const NUM_RUNS = 20;
const WAVES_MAX = 5;
const ACTIONS_MIN = 10;
const ACTIONS_MAX = 30;
const WAIT_MS_MAX = 60_000;
const TEST_MS_MAX = 300_000;
/** Every sweep comes between the actions. */
const SWEEP_MS = 20;
const SNAPSHOT = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

const test = testOn({
  overrides: {
    ...QUIET.overrides,
    gifts: { streakWindowMs: 150, sweepIntervalMs: SWEEP_MS },
    // Reversals of a few gifts take several SQL transactions.
    payments: { recoveryIntervalMs: SWEEP_MS, disputes: { sweepIntervalMs: SWEEP_MS, giftsPerStepMax: 3 } },
    community: {
      ...QUIET.overrides.community,
      goals: { sweepIntervalMs: SWEEP_MS, steps: [20, 50, 400], windowMs: 60_000, levelMs: 200, cooldownMs: 50 },
      boxes: { sweepIntervalMs: SWEEP_MS },
      battles: { sweepIntervalMs: SWEEP_MS, scoredEveryMs: SWEEP_MS },
      reactions: { clockIntervalMs: SWEEP_MS },
      leaderboards: { foldIntervalMs: SWEEP_MS, watchIntervalMs: SWEEP_MS },
      payouts: {
        settlementHoldMs: 0,
        cutIntervalMs: SWEEP_MS,
        settleIntervalMs: SWEEP_MS,
        recoveryIntervalMs: SWEEP_MS,
      },
    },
  },
});

test('any of it, all at once, wave after wave', { timeout: TEST_MS_MAX }, async ({ db, server }) => {
  const { services } = server.app;
  await watchCaps(db.pool);
  const refusals = new Set<string>();
  const run = async (waves: Action[][]) => {
    const world = await newWorld(services, db.pool);
    for (const wave of waves) {
      const errors = await Promise.all(wave.map((one) => perform(world, one)));
      for (const [index, error] of errors.entries()) {
        if (!error) continue;
        const one = wave[index]!;
        refusals.add(error.code);
        expect(expected(one), `${JSON.stringify(one)}: ${error}`).toContain(error.code);
      }
      await expectTrue(world); // while the sweeps go on
    }
    for (const { actor, streamId } of world.creators) await services.streams.end(actor, streamId);
    await expect.poll(() => unfinished(db.pool), { timeout: WAIT_MS_MAX }).toEqual(NOTHING);
    await expectTrue(world);
    await expectAudited(services, db.pool);
  };
  const wave = fc.array(action, { minLength: ACTIONS_MIN, maxLength: ACTIONS_MAX, size: 'max' });
  const waves = fc.array(wave, { minLength: 1, maxLength: WAVES_MAX, size: 'max' });
  const options = { numRuns: NUM_RUNS, endOnFailure: true, examples: [[EVERYTHING]] as [Action[][]][] };
  await fc.assert(fc.asyncProperty(waves, run), options);

  // Nothing of it was left out: all that can happen has happened.
  const { rows } = await db.pool.query<{ type: string }>('SELECT DISTINCT type FROM live_event');
  expect(rows.map(({ type }) => type)).toEqual(expect.arrayContaining(HAPPENS));
  expect([...refusals]).toEqual(expect.arrayContaining(['SPENDING_CAP_REACHED', 'MUTED']));
  const raised = await db.pool.query('SELECT FROM seen_cap WHERE gift_due OR day_due OR month_due');
  expect(raised.rowCount).toBeGreaterThan(0);
});

const HAPPENS = [
  ...['STREAM_STARTED', 'STREAM_ENDED', 'GIFT_SENT', 'GIFT_REVERSED', 'STREAK_ENDED', 'CHAT_MESSAGE'],
  ...['REACTION_QUEUED', 'REACTION_PERFORMED', 'REACTION_SKIPPED', 'GOAL_STARTED', 'GOAL_REACHED', 'GOAL_ENDED'],
  ...['LEVEL_STARTED', 'LEVEL_RAISED', 'LEVEL_ENDED', 'BOX_FUNDED', 'BOX_OPENED', 'BOX_CLAIMED', 'BOX_CLOSED'],
  ...['BATTLE_STARTED', 'BATTLE_MULTIPLIED', 'BATTLE_ENDED'],
];

/** All that holds at any moment, each read from one snapshot. */
async function expectTrue({ pool }: World): Promise<void> {
  await inRolledBack(pool, SNAPSHOT, async (sql) => {
    await expectEarningsBalanced(sql);
    await expectCapsKept(sql);
    await expectBattlesReplayed(sql);
  });
  const { replayed, stored } = await replayDatabase(pool);
  expect(replayed).toEqual(stored);
}

/** Both audits of operators: the one they ask for, and the one that goes along each chain of hashes. */
async function expectAudited({ wallets }: Services, pool: Pool): Promise<void> {
  const { found, differences } = await wallets.audit.run();
  expect({ found, differences }).toEqual({ found: [], differences: 0n });
  expect((await auditedNow(pool)).lines).toEqual([]);
}

const NOTHING = { logs: 0, disputes: 0, streaks: 0, boxes: 0, battles: 0, payouts: 0, buckets: 0 };

/** What the sweeps still have to do once all streams have ended. */
async function unfinished(pool: Pool): Promise<typeof NOTHING> {
  const { rows } = await pool.query(
    `SELECT (SELECT count(*)::int FROM coin_dispute WHERE state = 'REVERSING') AS disputes,
            (SELECT count(*)::int FROM gift_streak) AS streaks,
            (SELECT count(*)::int FROM treasure_box WHERE state <> 'CLOSED') AS boxes,
            (SELECT count(*)::int FROM battle WHERE state = 'RUNNING') AS battles,
            (SELECT count(*)::int FROM payout WHERE state IN ('REQUESTED', 'SENT')) AS payouts,
            (SELECT count(*)::int FROM earning WHERE state = 'PENDING') AS buckets`,
  );
  return { logs: await uncounted(pool), ...rows[0] };
}

// ---- caps --------------------------------------------------------------------------------------------------------------

/**
 * Has the database write down each change of a cap, and behind which transfer of the wallet it came: whoever changes a cap holds the wallet,
 * so that place is exact.
 */
async function watchCaps(pool: Pool): Promise<void> {
  await pool.query(`
    CREATE TABLE seen_cap (id BIGSERIAL PRIMARY KEY, viewer_id BIGINT, behind BIGINT, gift_cap BIGINT, day_cap BIGINT, month_cap BIGINT,
      gift_due BOOLEAN, day_due BOOLEAN, month_due BOOLEAN);
    CREATE FUNCTION see_cap() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE at timestamptz := clock_timestamp();
    BEGIN
      INSERT INTO seen_cap (viewer_id, behind, gift_cap, day_cap, month_cap, gift_due, day_due, month_due)
        SELECT NEW.viewer_id, coalesce(a.last_transfer_id, 0), c.gift_cap, c.day_cap, c.month_cap,
               coalesce(NEW.raise_gift_at <= at, false), coalesce(NEW.raise_day_at <= at, false), coalesce(NEW.raise_month_at <= at, false)
          FROM viewer v JOIN ledger_account a ON a.id = v.wallet_id, spending_left(NEW, at) c WHERE v.id = NEW.viewer_id;
      RETURN NEW;
    END $$;
    CREATE TRIGGER see_cap_new AFTER INSERT ON spending_limit FOR EACH ROW EXECUTE FUNCTION see_cap();
    CREATE TRIGGER see_cap AFTER UPDATE ON spending_limit FOR EACH ROW
      WHEN ((OLD.gift_cap, OLD.day_cap, OLD.month_cap, OLD.raise_gift_at, OLD.raise_day_at, OLD.raise_month_at)
        IS DISTINCT FROM (NEW.gift_cap, NEW.day_cap, NEW.month_cap, NEW.raise_gift_at, NEW.raise_day_at, NEW.raise_month_at))
      EXECUTE FUNCTION see_cap()`);
}

/**
 * What viewers have spent, transfer by transfer: at each, the sum of its day and month so far, less the gifts whose reactions were skipped by
 * then. What a bank has taken back was spent.
 */
const SPENT = `
  WITH moved AS (
    SELECT t.id, v.id AS viewer_id, t.amount, t.amount AS coins, t.created_at AT TIME ZONE 'UTC' AS at
      FROM transfer t JOIN viewer v ON v.wallet_id = t.debit_account_id WHERE t.kind IN ('GIFT_SPENT', 'BOX_FUNDED')
    UNION ALL
    SELECT t.id, v.id, NULL, -t.amount, g.created_at AT TIME ZONE 'UTC'
      FROM transfer t JOIN transfer g ON g.id = t.reverses JOIN viewer v ON v.wallet_id = g.debit_account_id
     WHERE t.kind = 'GIFT_REFUNDED' AND NOT EXISTS (
       SELECT FROM gift_reversal WHERE gift_sent_id = t.cause_id AND reason = 'CHARGEBACK')
  ), spent AS (
    SELECT *, sum(coins) OVER (PARTITION BY viewer_id, at::date ORDER BY id) AS day,
              sum(coins) OVER (PARTITION BY viewer_id, date_trunc('month', at) ORDER BY id) AS month FROM moved
  )`;

const CAP_RULES: Record<string, string> = {
  'nothing was spent that the caps in force did not allow': `${SPENT}
    SELECT s.*, c.gift_cap, c.day_cap, c.month_cap FROM spent s CROSS JOIN LATERAL (
        SELECT * FROM seen_cap WHERE viewer_id = s.viewer_id AND behind < s.id ORDER BY id DESC LIMIT 1) c
     WHERE s.amount > c.gift_cap OR (s.amount IS NOT NULL AND (s.day > c.day_cap OR s.month > c.month_cap))`,
  'what counts against caps is what was spent': `${SPENT}
    SELECT l.viewer_id, l.day, l.day_coins, l.month_coins, s.* FROM spending_limit l CROSS JOIN LATERAL (
        SELECT coalesce(sum(coins) FILTER (WHERE at::date = l.day), 0) AS spent_day,
               coalesce(sum(coins) FILTER (WHERE date_trunc('month', at)::date = l.month), 0) AS spent_month
          FROM moved WHERE viewer_id = l.viewer_id) s
     WHERE (l.day_coins, l.month_coins) <> (s.spent_day, s.spent_month)`,
  'a cap is raised, or gone, only when the raise is due': `
    SELECT * FROM (SELECT *, lag(gift_cap) OVER w AS gift, lag(day_cap) OVER w AS day, lag(month_cap) OVER w AS month
        FROM seen_cap WINDOW w AS (PARTITION BY viewer_id ORDER BY id)) c
     WHERE (NOT gift_due AND gift < coalesce(gift_cap, gift + 1)) OR (NOT day_due AND day < coalesce(day_cap, day + 1))
        OR (NOT month_due AND month < coalesce(month_cap, month + 1))`,
};

async function expectCapsKept(sql: PoolClient): Promise<void> {
  const broken: Record<string, unknown[]> = {};
  for (const [rule, found] of Object.entries(CAP_RULES)) {
    const { rows } = await sql.query(`${found} LIMIT 5`);
    if (rows.length > 0) broken[rule] = rows;
  }
  expect(broken).toEqual({});
}

// ---- battles -----------------------------------------------------------------------------------------------------------

/** The scores of both sides as rows have them; of a battle under way, with the piece that is under way. */
const BATTLES = `
  SELECT b.id::text AS "battleId", b.state = 'ENDED' AS "isOver", side.id::text AS "streamId",
         (side.score + CASE WHEN b.state = 'RUNNING' THEN b.factor * (s.gift_coins - side.coins_from) ELSE 0 END)::int AS score
    FROM battle b CROSS JOIN LATERAL (VALUES (b.stream_id, b.score, b.coins_from), (b.opponent_stream_id, b.opponent_score, b.opponent_coins_from))
         side(id, score, coins_from) JOIN stream s ON s.id = side.id
   WHERE b.state IN ('RUNNING', 'ENDED') ORDER BY b.id, side.id`;
const BATTLE_LOGS = `
  SELECT stream_id::text AS "streamId", seq::int, type, payload FROM live_event
   WHERE stream_id IN (SELECT unnest(ARRAY[stream_id, opponent_stream_id]) FROM battle WHERE state IN ('RUNNING', 'ENDED'))
     AND (type = 'GIFT_SENT' OR payload ? 'battleId') ORDER BY stream_id, seq`;

async function expectBattlesReplayed(sql: PoolClient): Promise<void> {
  const { rows: battles } = await sql.query(BATTLES);
  const { rows: logs } = await sql.query(BATTLE_LOGS);
  const events = groupBy(logs, ({ streamId }) => streamId as string);
  for (const { battleId, streamId, ...stored } of battles) {
    const log = (events.get(streamId) ?? []).map(toEvent);
    expect(replayBattle(log, battleId, streamId), `battle ${battleId}, stream ${streamId}`).toEqual({
      ...stored,
      wrong: [],
    });
  }
}

/** An event as the API has it: with ids as strings. */
function toEvent({ seq, type, payload }: { seq: number; type: string; payload: Record<string, unknown> }): LiveEvent {
  const sides = (payload.sides as { streamId: number }[] | undefined)?.map((side) => ({
    ...side,
    streamId: String(side.streamId),
  }));
  return { ...payload, seq, type, battleId: String(payload.battleId), sides } as unknown as LiveEvent;
}
