import { Connection, Refusal, type Wire } from './connection.ts';
import { QUERIES } from './documents.ts';
import { THANKS } from './lines.ts';
import type { Random } from './random.ts';
import type { Room } from './room.ts';
import { type RoomName, topicOf } from './script.ts';
import { Stockroom } from './stockroom.ts';
import type { Tally } from './tally.ts';

/** A creator is off air for so long before the play goes on: whoever ended the stream may want to start it themselves. */
export const OFF_AIR_MS_MAX = 30_000;
/** Somebody who performs by hand has so long, before the play does it for them. */
const REACTION_WAITS_MS_MAX = 20_000;
/** A battle begins so long after the start, and then that often. */
const FIRST_BATTLE_MS = 75_000;
const BATTLE_EVERY_MS: readonly [number, number] = [300_000, 480_000];
const BATTLE_SECONDS = 120;
/** Who has given so much is thanked, at most that often. */
const THANKED_COINS_MIN = 200;
const THANKS_EVERY_MS = 12_000;

const TITLES: Record<RoomName, string> = {
  pinkydoll: 'Ice cream so good! NPC live',
  souq: 'سوق Hadiya: today’s finds',
};
/** Goals that take turns. */
const GOALS: Record<
  RoomName,
  readonly { kind: 'COINS' | 'GIFTS' | 'ORDERS'; target: number; title: string; gift?: string }[]
> = {
  pinkydoll: [
    { kind: 'COINS', target: 3_000, title: 'Ice cream dance 🍦' },
    { kind: 'GIFTS', target: 150, title: '150 roses: karaoke 🌹', gift: 'Rose' },
    { kind: 'COINS', target: 5_000, title: 'رقصة الآيس كريم 🍦' },
  ],
  souq: [
    { kind: 'ORDERS', target: 5, title: '5 orders: a surprise price' },
    { kind: 'COINS', target: 2_000, title: 'نفتح صندوق المفاجآت 🎁' },
  ],
};

type Seen = {
  autoPerforms: boolean;
  currentStream: {
    id: string;
    goals: { id: string; state: string }[];
    battle: { state: string } | null;
    battleInvites: { id: string; state: string; sides: { streamId: string }[] }[];
    reactionQueue: { id: string; queuedAt: string }[];
  } | null;
};

type Deps = {
  wire: Wire;
  tally: Tally;
  random: Random;
  newKey: () => string;
  giftId: (name: string) => string | undefined;
  /** Where an opponent for battles is live. */
  opponent: () => string | undefined;
  offAirMsMax?: number | undefined;
};

/**
 * A creator of the demo, played: goes on air, has goals and battles, performs what has waited for too long, says thank you, and
 * has in stock what they sell.
 */
export class Host {
  readonly #connection: Connection;
  readonly #stockroom: Stockroom;
  #offAirSinceMs: number | undefined;
  #nextBattleAtMs = performance.now() + FIRST_BATTLE_MS;
  #thankedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly room: Room,
    private readonly deps: Deps,
  ) {
    this.#connection = new Connection(deps.wire, room.name);
    this.#stockroom = new Stockroom(this.#connection);
  }

  /** One look at the own stream, and what there is to do. */
  async look(): Promise<void> {
    const { creator } = await this.#connection.query<{ creator: Seen | null }>(QUERIES.host, {
      handle: this.room.name,
    });
    const stream = creator?.currentStream;
    if (!stream) return this.#goLive();
    this.#offAirSinceMs = undefined;
    const [next] = stream.reactionQueue;
    // The database's time and ours may differ: a reaction comes sooner or later then, never twice.
    if (next && !creator.autoPerforms && Date.now() - Date.parse(next.queuedAt) > REACTION_WAITS_MS_MAX) {
      await this.#connection.mutate('performNextReaction', { streamId: stream.id, idempotencyKey: this.deps.newKey() });
    }
    if (!stream.goals.some(({ state }) => state === 'OPEN')) await this.#startGoal(stream.id, stream.goals);
    if (stream.battle?.state !== 'RUNNING') await this.#battle(stream);
    await this.#stockroom.look();
  }

  /** Says thank you for a large gift. */
  async thank(streamId: string, displayName: string, coins: number): Promise<void> {
    const now = performance.now();
    if (coins < THANKED_COINS_MIN || now - this.#thankedAtMs < THANKS_EVERY_MS) return;
    this.#thankedAtMs = now;
    const text = this.deps.random.pick(THANKS[topicOf(this.room.name)]).replace('{name}', displayName);
    await this.#connection.mutate('sendChatMessage', { streamId, text, idempotencyKey: this.deps.newKey() });
  }

  async #goLive(): Promise<void> {
    const now = performance.now();
    this.#offAirSinceMs ??= now;
    if (now - this.#offAirSinceMs < (this.deps.offAirMsMax ?? OFF_AIR_MS_MAX)) return;
    await this.#connection.mutate('startStream', { title: TITLES[this.room.name] });
  }

  async #startGoal(streamId: string, known: readonly { id: string }[]): Promise<void> {
    const { random, giftId, newKey, tally } = this.deps;
    const { gift, ...goal } = random.pick(GOALS[this.room.name]);
    const id = gift === undefined ? undefined : giftId(gift);
    if (gift !== undefined && id === undefined) return;
    // Named after the goal before it: of servers that look at the same moment, one starts the next.
    const [last] = known; // the newest, as none is open
    const idempotencyKey = last ? `after-${last.id}`.slice(0, 64) : newKey();
    try {
      await this.#connection.mutate('startGoal', { streamId, ...goal, giftId: id, idempotencyKey });
      tally.counts.goals++;
    } catch (error) {
      // Another server was first, with another goal.
      if (!(error instanceof Refusal && error.code === 'IDEMPOTENCY_CONFLICT')) throw error;
    }
  }

  /** Accepts whoever invites, and invites now and then. */
  async #battle(stream: NonNullable<Seen['currentStream']>): Promise<void> {
    const { tally, random, opponent } = this.deps;
    const invite = stream.battleInvites.find(
      ({ state, sides }) => state === 'INVITED' && sides[0]?.streamId !== stream.id,
    );
    if (invite) {
      await this.#connection.mutate('acceptBattle', { battleId: invite.id });
      tally.counts.battles++;
      this.#nextBattleAtMs = performance.now() + random.between(...BATTLE_EVERY_MS);
      return;
    }
    const opponentStreamId = opponent();
    if (this.room.name !== 'pinkydoll' || opponentStreamId === undefined || performance.now() < this.#nextBattleAtMs)
      return;
    this.#nextBattleAtMs = performance.now() + random.between(...BATTLE_EVERY_MS);
    await this.#connection.mutate('inviteToBattle', {
      streamId: stream.id,
      opponentStreamId,
      durationSeconds: BATTLE_SECONDS,
    });
  }
}
