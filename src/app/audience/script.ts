import { SMALL_TALK, type Topic } from './lines.ts';
import { PEOPLE, type Person } from './people.ts';
import { Random, type Weighted } from './random.ts';

/** The streams that the audience fills, how much of it each has, and what it is about. */
export const ROOMS = [
  { handle: 'pinkydoll', topic: 'npc', share: 0.62 },
  { handle: 'souq', topic: 'shop', share: 0.38 },
] as const satisfies readonly { handle: string; topic: Topic; share: number }[];

/** A stream of the audience, by the handle of its creator. */
export type RoomName = (typeof ROOMS)[number]['handle'];

/** Where somebody sits. A seat is taken by one person after another. */
export type Seat = { who: Person; room: RoomName };

/** Something to do, and when: milliseconds since the play began. */
export type Cue = { atMs: number; seat: number; who: Person; room: RoomName } & (
  | { kind: 'enter'; follows: boolean }
  | { kind: 'gift'; gift: string; count: number; quantity: number; gapMs: number }
  | { kind: 'chat'; text: string }
  | { kind: 'likes'; count: number }
  | { kind: 'buy'; quantity: number }
  | { kind: 'box'; coins: number; shares: number; opensInSeconds: number }
);

/** How large and how lively an audience is. */
export type ScriptOptions = {
  seed: number;
  /** Seats. */
  viewers: number;
  /** Gifts a second over all streams, on average; everything else goes along with it. */
  rate: number;
};

/** What is given, how often, in streaks of how many, and how fast. Mostly roses; a galaxy is rare. */
const GIFTS: Weighted<{ gift: string; streak: readonly [number, number] }> = [
  [{ gift: 'Rose', streak: [1, 4] }, 60],
  [{ gift: 'Rose', streak: [5, 14] }, 16],
  [{ gift: 'Ice Cream', streak: [1, 2] }, 15],
  [{ gift: 'Heart', streak: [1, 2] }, 6],
  [{ gift: 'Fireworks', streak: [1, 1] }, 2],
  [{ gift: 'Galaxy', streak: [1, 1] }, 0.7],
  [{ gift: 'Lion', streak: [1, 1] }, 0.1],
];
/** Several in one call, for who does not want to tap. */
const QUANTITIES: Weighted<number> = [
  [1, 92],
  [3, 5],
  [5, 3],
];
/** Gifts of an average streak: what the rate is divided by. */
const STREAK_MEAN =
  GIFTS.reduce(
    (
      sum,
      [
        {
          streak: [least, most],
        },
        weight,
      ],
    ) => sum + (weight * (least + most)) / 2,
    0,
  ) / GIFTS.reduce((sum, [, weight]) => sum + weight, 0);
const GAP_MS: readonly [number, number] = [350, 900];

/** How often a second, at a rate of one gift a second. */
const TIMES_PER_SECOND = { gift: 1 / STREAK_MEAN, chat: 0.2, likes: 0.25, buy: 1 / 110, box: 1 / 360, wave: 1 / 280 };
/** How long somebody stays, on average. */
const STAY_SECONDS = 420;
/** People come one by one in the beginning. */
const ENTER_GAP_MS = 180;
/** A wave: for a moment many give much, and the level of the crowd rises. */
const WAVE_GIFTS: Weighted<{ gift: string; count: number }> = [
  [{ gift: 'Heart', count: 5 }, 5],
  [{ gift: 'Fireworks', count: 2 }, 3],
  [{ gift: 'Galaxy', count: 1 }, 1],
  [{ gift: 'Rose', count: 10 }, 2],
];
const WAVE_GIVERS = 9;
const WAVE_MS = 20_000;

type Kind = 'enter' | 'gift' | 'chat' | 'likes' | 'buy' | 'box' | 'wave';

/**
 * What the audience does, without end: the same for the same seed. It decides who does what and when; whether it works out
 * is up to the server, and changes nothing here.
 */
export function* script(options: ScriptOptions): Generator<Cue, never> {
  const random = new Random(options.seed);
  const seats: Seat[] = [];
  const ahead: Cue[] = [];
  const often: Weighted<Kind> = [
    ['enter', options.viewers / STAY_SECONDS],
    ...Object.entries(TIMES_PER_SECOND).map(([kind, times]) => [kind as Kind, times * options.rate] as const),
  ];
  const timesPerSecond = often.reduce((sum, [, times]) => sum + times, 0);
  let atMs = 0;
  for (let seat = 0; seat < options.viewers; seat++, atMs += ENTER_GAP_MS) yield enter(random, seats, seat, atMs);
  for (;;) {
    atMs += random.waitMs(timesPerSecond);
    while (ahead.length > 0 && ahead[0]!.atMs <= atMs) yield ahead.shift()!;
    const kind = random.weighted(often);
    const seat = random.between(0, seats.length - 1);
    if (kind === 'wave') {
      ahead.push(...wave(random, seats, atMs));
      ahead.sort((a, b) => a.atMs - b.atMs);
    } else if (kind === 'enter') yield enter(random, seats, seat, atMs);
    else yield act(random, kind, { atMs, seat, ...seats[seat]! });
  }
}

/** Somebody who is not there takes a seat; whoever had it leaves. */
function enter(random: Random, seats: Seat[], seat: number, atMs: number): Cue {
  const there = new Set(seats.map(({ who }) => who));
  const away = PEOPLE.filter((person) => !there.has(person));
  const who = random.pick(away);
  const room = random.weighted<RoomName>(ROOMS.map(({ handle, share }) => [handle, share]));
  seats[seat] = { who, room };
  return { kind: 'enter', atMs, seat, who, room, follows: random.chance(0.3) };
}

function act(random: Random, kind: Exclude<Kind, 'wave' | 'enter'>, base: Seat & { atMs: number; seat: number }): Cue {
  if (kind === 'gift') {
    const { gift, streak } = random.weighted(GIFTS);
    const count = random.between(...streak);
    const quantity = count === 1 ? random.weighted(QUANTITIES) : 1;
    return { ...base, kind, gift, count, quantity, gapMs: random.between(...GAP_MS) };
  }
  if (kind === 'chat') return { ...base, kind, text: random.pick(SMALL_TALK[topicOf(base.room)][base.who.language]) };
  if (kind === 'likes') return { ...base, kind, count: random.between(3, 25) };
  if (kind === 'buy') return { ...base, room: 'souq', kind, quantity: random.chance(0.85) ? 1 : 2 };
  const shares = random.between(3, 8);
  return { ...base, kind, shares, coins: shares * random.pick([10, 20, 50]), opensInSeconds: random.between(15, 30) };
}

function wave(random: Random, seats: readonly Seat[], atMs: number): Cue[] {
  const { room } = random.pick(seats);
  const there = seats.flatMap((taken, seat) => (taken.room === room ? [{ ...taken, seat }] : []));
  return Array.from({ length: WAVE_GIVERS }, () => {
    const { gift, count } = random.weighted(WAVE_GIFTS);
    const gapMs = random.between(...GAP_MS);
    return {
      ...random.pick(there),
      atMs: atMs + random.next() * WAVE_MS,
      kind: 'gift',
      gift,
      count,
      quantity: 1,
      gapMs,
    };
  });
}

/** What a stream is about. */
export function topicOf(room: RoomName): Topic {
  return ROOMS.find(({ handle }) => handle === room)!.topic;
}
