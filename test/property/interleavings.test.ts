/** Everybody does everything at once: whatever the order, money, streaks and logs hold, and each answer is true. */
import fc from 'fast-check';
import type { Pool } from 'pg';
import { expect } from 'vitest';
import type { Services } from '../../src/graphql/context.ts';
import { DomainError, type ErrorCode } from '../../src/kernel/errors.ts';
import { groupBy } from '../../src/kernel/group-by.ts';
import { testWith } from '../support/fixtures.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { freshHandle } from '../support/operations.ts';

const NUM_RUNS = 25;
const PACK_COINS = 70n;
const KEYS = 6;

// The sweep would close streaks between two looks at them.
const test = testWith({ overrides: { gifts: { sweepIntervalMs: 3_600_000 } } });

const who = { viewer: fc.nat({ max: 2 }), key: fc.nat({ max: KEYS - 1 }), stream: fc.nat({ max: 1 }) };
const action = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('buy'),
      ...who,
      token: fc.constantFrom('tok_ok', 'tok_ok', 'tok_timeout', 'tok_declined'),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('gift'),
      ...who,
      kind: fc.nat({ max: 1 }),
      quantity: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('chat'), ...who, text: fc.constantFrom('hello', 'مرحبا') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('start', 'end'), ...who }) },
);
type Action = {
  do: string;
  viewer: number;
  key: number;
  stream: number;
  token?: string;
  kind?: number;
  quantity?: number;
  text?: string;
};

/** What an action came to. `event` and `replayed` only where the API says so. */
type Result = { action: Action; error?: DomainError; replayed?: boolean; seq?: bigint; spent?: bigint };
type Actor = Awaited<ReturnType<Services['accounts']['signIn']>>['viewer'];
type World = {
  viewers: Actor[];
  creators: Actor[];
  streams: bigint[];
  kinds: { id: bigint; coins: bigint }[];
  packId: bigint;
};

/** The refusals that each action may meet. */
const EXPECTED: Record<string, ErrorCode[]> = {
  buy: ['IDEMPOTENCY_CONFLICT', 'PAYMENT_DECLINED', 'PAYMENT_PENDING'],
  gift: ['IDEMPOTENCY_CONFLICT', 'INSUFFICIENT_COINS', 'STREAM_NOT_LIVE'],
  chat: ['IDEMPOTENCY_CONFLICT', 'STREAM_NOT_LIVE'],
  start: ['STREAM_ALREADY_LIVE'],
  end: [],
};

test('any actions of anybody, all at once', async ({ server, db }) => {
  const { services } = server.app;
  const run = async (waves: Action[][]) => {
    const world = await newWorld(services);
    const results: Result[] = [];
    for (const wave of waves) results.push(...(await Promise.all(wave.map((one) => perform(services, world, one)))));
    for (const { action, error } of results) {
      if (error) expect(EXPECTED[action.do], `${action.do}: ${error}`).toContain(error.code);
    }
    checkKeys(results);
    await checkWallets(services, world, results);
    await checkLogs(db.pool, world, results);
    await expectBooksBalanced(db.pool);
  };
  const waves = fc.array(fc.array(action, { minLength: 1, maxLength: 25 }), { minLength: 1, maxLength: 3 });
  await fc.assert(fc.asyncProperty(waves, run), { numRuns: NUM_RUNS, endOnFailure: true });
});

async function newWorld({ accounts, streams, gifts, payments }: Services): Promise<World> {
  const signIn = async () => (await accounts.signIn(freshHandle('i'))).viewer;
  const viewers = [await signIn(), await signIn(), await signIn()];
  const creators = [await signIn(), await signIn()];
  const live = await Promise.all(creators.map((creator) => streams.start(creator, 'live')));
  const kinds = (await gifts.list()).slice(0, 2);
  const pack = (await payments.coinPacks()).find(({ coins }) => coins === PACK_COINS)!;
  return { viewers, creators, streams: live, kinds, packId: pack.id };
}

async function perform(services: Services, world: World, action: Action): Promise<Result> {
  const viewer = world.viewers[action.viewer]!;
  const streamId = world.streams[action.stream]!;
  const creator = world.creators[action.stream]!;
  const idempotencyKey = `key ${action.key}`;
  const kind = world.kinds[action.kind ?? 0]!;
  const quantity = action.quantity ?? 1;
  try {
    switch (action.do) {
      case 'buy': {
        const order = { packId: world.packId, paymentToken: action.token!, idempotencyKey };
        return { action, replayed: (await services.payments.buyCoins(viewer, order)).replayed };
      }
      case 'gift': {
        const order = { streamId, giftId: kind.id, quantity, idempotencyKey };
        const { event, replayed } = await services.gifts.send(viewer, order);
        expect(event.payload).toMatchObject({ quantity, coins: Number(kind.coins) * quantity });
        return { action, replayed, seq: event.seq, spent: kind.coins * BigInt(quantity) };
      }
      case 'chat': {
        const message = { streamId, text: action.text!, idempotencyKey };
        const { event, replayed } = await services.streams.chat(viewer, message);
        return { action, replayed, seq: event.seq };
      }
      case 'start':
        await services.streams.start(creator, 'again');
        return { action };
      default:
        await services.streams.end(creator, streamId);
        return { action };
    }
  } catch (error) {
    if (error instanceof DomainError) return { action, error };
    throw error;
  }
}

/** One key is one effect: it happens once, its replays tell of it, and another input under it is a conflict. */
function checkKeys(results: Result[]): void {
  for (const name of ['buy', 'gift', 'chat']) {
    const done = results.filter(({ action, error }) => action.do === name && !error);
    const keys = groupBy(done, keyOf);
    for (const uses of keys.values()) {
      const inputs = new Set(uses.map(({ action }) => inputOf(action)));
      expect(inputs.size, `inputs under one key of ${name}`).toBe(1);
      expect(new Set(uses.map(({ seq }) => seq)).size).toBe(1);
      // A purchase whose first answer was lost may be finished by a call that counts as a replay.
      if (name !== 'buy') expect(uses.filter(({ replayed }) => !replayed)).toHaveLength(1);
      else expect(uses.filter(({ replayed }) => !replayed).length).toBeLessThanOrEqual(1);
    }
    for (const { action, error } of results) {
      if (action.do !== name || error?.code !== 'IDEMPOTENCY_CONFLICT') continue;
      const others = results.filter((other) => other.action.do === name && keyOf(other) === keyOf({ action }));
      expect(new Set(others.map((other) => inputOf(other.action))).size, 'a conflict has two sides').toBeGreaterThan(1);
    }
  }
}

/** Nobody spends what they have not bought; what they have is what they bought less what they spent. */
async function checkWallets({ db, wallets }: Services, world: World, results: Result[]): Promise<void> {
  for (const [n, viewer] of world.viewers.entries()) {
    const mine = results.filter(({ action }) => action.viewer === n);
    const bought = await db.pool.query<{ packs: string }>(
      "SELECT count(*) AS packs FROM coin_purchase WHERE viewer_id = $1 AND state = 'SUCCEEDED'",
      [viewer.id],
    );
    const told = new Set(mine.filter(({ action, error }) => action.do === 'buy' && !error).map(keyOf)).size;
    expect(Number(bought.rows[0]!.packs)).toBeGreaterThanOrEqual(told);
    const spent = mine.filter(({ spent, replayed }) => spent && !replayed).reduce((sum, one) => sum + one.spent!, 0n);
    const { coins } = await wallets.read(db.pool, viewer.id);
    expect(coins).toBe(BigInt(bought.rows[0]!.packs) * PACK_COINS - spent);
    expect(coins).toBeGreaterThanOrEqual(0n);
  }
}

/** Logs hold exactly what was acknowledged, and each gift is in one streak, which ends once at the most. */
async function checkLogs(pool: Pool, world: World, results: Result[]): Promise<void> {
  for (const [n, streamId] of world.streams.entries()) {
    const { rows: log } = await pool.query(
      'SELECT seq, type, payload FROM live_event WHERE stream_id = $1 ORDER BY seq',
      [streamId],
    );
    const told = results.filter(({ action, seq, replayed }) => action.stream === n && seq && !replayed);
    const said = log
      .filter(({ type }) => type === 'GIFT_SENT' || type === 'CHAT_MESSAGE')
      .map(({ seq }) => BigInt(seq));
    expect(said).toEqual(told.map(({ seq }) => seq!).sort((a, b) => Number(a - b)));

    const open = new Map<number, { gift: number; total: number; coins: number }>();
    for (const { type, payload, seq } of log) {
      const streak = payload?.sender && open.get(payload.sender.id);
      if (type === 'STREAK_ENDED') {
        expect({ gift: payload.gift.id, total: payload.total, coins: payload.coins }, `seq ${seq}`).toEqual(streak);
        open.delete(payload.sender.id);
      }
      if (type === 'GIFT_SENT') {
        const { gift, quantity, coins } = payload;
        if (streak) expect(gift.id, `seq ${seq}: another kind ends the streak first`).toBe(streak.gift);
        const total = quantity + (streak?.total ?? 0);
        expect(payload.streak, `seq ${seq}`).toBe(total);
        open.set(payload.sender.id, { gift: gift.id, total, coins: coins + (streak?.coins ?? 0) });
      }
    }
    const ended = log.findIndex(({ type }) => type === 'STREAM_ENDED');
    expect([-1, log.length - 1]).toContain(ended);
    if (ended >= 0) expect(open.size, 'an ended stream has no open streak').toBe(0);
    const { rows: kept } = await pool.query(
      'SELECT viewer_id::int AS sender, gift_id::int AS gift, total, coins::int FROM gift_streak WHERE stream_id = $1',
      [streamId],
    );
    expect(new Map(kept.map(({ sender, ...streak }) => [sender, streak]))).toEqual(open);
  }
}

function keyOf({ action }: Pick<Result, 'action'>): string {
  return `${action.do} ${action.viewer} ${action.key}`;
}

/** What the key stands for, as the API compares it. */
function inputOf({ do: name, stream, token, kind, quantity, text }: Action): string {
  return JSON.stringify(name === 'buy' ? [token] : [stream, kind, quantity, text]);
}
