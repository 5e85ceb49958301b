import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { Connection, Refusal, sleep, type Wire } from './connection.ts';
import { QUERIES } from './documents.ts';
import { Host } from './host.ts';
import { type Moment, ON_A_MOMENT } from './lines.ts';
import { Member, type Shelf } from './member.ts';
import { Pace } from './pace.ts';
import { Random } from './random.ts';
import { type Heard, Room } from './room.ts';
import { type Cue, ROOMS, type RoomName, script } from './script.ts';
import { type AudienceLog, type Counts, Tally } from './tally.ts';

/** Seats, at the most: fewer than there are people. */
export const VIEWERS_MAX = 80;
export const VIEWERS_DEFAULT = 24;
/** Gifts a second over all streams. */
export const RATE_MAX = 50;
export const RATE_DEFAULT = 1.5;

/** How often the streams are looked for, and the creators look at theirs. */
const LOOK_INTERVAL_MS = 3_000;
/** Things that are under way at once; what would be one more is left out. */
const UNDER_WAY_MAX = 24;
/** How long what is under way may take to end. */
const STOP_MS_MAX = 2_000;
/** Who claims a share of a box does so within. */
const CLAIM_MS_MAX = 6_000;
/** So many of all moments are remarked upon, and a moment so long after it. */
const REMARK_SHARE: Record<Moment, number> = {
  bigGift: 0.6,
  reaction: 0.06,
  level: 0.8,
  goal: 1,
  battle: 1,
  offer: 0.7,
  bought: 0.4,
  box: 0.7,
};
const REMARK_MS: readonly [number, number] = [600, 2_500];
const BIG_GIFT_COINS_MIN = 200;
/** Somebody who may not speak or stay in a stream leaves it, and does not come back during this play. */
const SHUT_OUT = new Set(['BANNED', 'MUTED']);

/** How an audience is made. */
export type AudienceOptions = {
  /** Where the server is, such as http://127.0.0.1:4000. */
  url: string;
  log: AudienceLog;
  viewers?: number | undefined;
  rate?: number | undefined;
  /** The same seed is the same play; by default each is another. */
  seed?: number | undefined;
  /** Intervals that tests override. */
  lookIntervalMs?: number | undefined;
  offAirMsMax?: number | undefined;
};

/** A simulated audience that is there. */
export type Audience = {
  counts: () => Counts;
  /** Everybody leaves: nothing is sent any more once it has returned. */
  stop: () => Promise<void>;
};

/**
 * Fills the streams of the demo with simulated viewers, over the public API and as gently as any client: bounded, at its own
 * pace, and quiet for longer and longer where the server says no. It does not throw; what fails is told in the log now and then.
 */
export function startAudience(options: AudienceOptions): Audience {
  const play = new Play(options);
  const ended = play.run();
  return {
    counts: () => ({ ...play.tally.counts }),
    stop: () => play.stop(ended),
  };
}

class Play {
  readonly tally: Tally;
  readonly #stopped = new AbortController();
  readonly #wire: Wire;
  readonly #nobody: Connection;
  readonly #rooms: ReadonlyMap<RoomName, Room>;
  readonly #members = new Map<number, { member: Member; room: Room }>();
  readonly #shutOut = new Set<string>();
  readonly #underWay = new Set<Promise<void>>();
  /** For what happens, not for what is planned: the script's own numbers stay the same whatever the server says. */
  readonly #chance: Random;
  readonly #name = randomUUID().slice(0, 8);
  #keys = 0;
  #shelf: Shelf = { gifts: new Map(), packs: [] };
  #hosts: ReadonlyMap<RoomName, Host> = new Map();

  constructor(private readonly options: AudienceOptions) {
    this.tally = new Tally(options.log);
    // Whatever is under way waits with it, and the sockets of all seats.
    setMaxListeners(UNDER_WAY_MAX + VIEWERS_MAX + 10, this.#stopped.signal);
    this.#wire = { url: options.url, pace: new Pace(), signal: this.#stopped.signal };
    this.#nobody = new Connection(this.#wire);
    this.#chance = new Random((options.seed ?? 0) + 1);
    const on = {
      heard: (room: Room, what: Heard) => this.#heard(room, what),
      changed: (room: Room) => this.#changed(room),
    };
    this.#rooms = new Map(ROOMS.map(({ handle }) => [handle, new Room(handle, this.#nobody, on)]));
  }

  async run(): Promise<void> {
    await this.#open();
    await Promise.all([this.#lookAround(), this.#perform()]);
  }

  async stop(ended: Promise<void>): Promise<void> {
    this.#stopped.abort();
    const late = new Promise<void>((resolve) => setTimeout(resolve, STOP_MS_MAX).unref());
    await Promise.race([Promise.all([ended, ...this.#underWay]), late]);
    for (const { member } of this.#members.values()) member.leave();
    for (const room of this.#rooms.values()) room.leave();
    this.#members.clear();
    this.tally.counts.viewers = 0;
    this.#nobody.close();
  }

  /** Learns what there is to give; tries until the server answers. */
  async #open(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        type Found = { gifts: { id: string; name: string; coins: number }[]; coinPacks: Shelf['packs'] };
        const { gifts, coinPacks } = await this.#nobody.query<Found>(QUERIES.shelf);
        const packs = coinPacks.toSorted((a, b) => a.coins - b.coins);
        this.#shelf = { packs, gifts: new Map(gifts.map(({ name, ...gift }) => [name, gift])) };
        this.#hosts = new Map([...this.#rooms.values()].map((room) => [room.name, this.#host(room)]));
        return;
      } catch (error) {
        this.tally.failed(error);
        await sleep(Math.max(this.#wire.pace.pauseMs(), LOOK_INTERVAL_MS), signal);
      }
    }
  }

  #host(room: Room): Host {
    return new Host(room, {
      wire: this.#wire,
      tally: this.tally,
      random: this.#chance,
      newKey: () => this.#newKey(),
      giftId: (name) => this.#shelf.gifts.get(name)?.id,
      opponent: () => [...this.#rooms.values()].find(({ name }) => name !== room.name)?.streamId,
      offAirMsMax: this.options.offAirMsMax,
    });
  }

  /** Looks after the rooms and their creators until it is stopped. */
  async #lookAround(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      for (const room of this.#rooms.values()) {
        await this.#attempt(() => room.look());
        await this.#attempt(() => this.#hosts.get(room.name)!.look());
      }
      await sleep(Math.max(this.#wire.pace.pauseMs(), this.options.lookIntervalMs ?? LOOK_INTERVAL_MS), signal);
    }
  }

  /** Plays the script. Time that the server asked to wait for is left out: nothing is made up for. */
  async #perform(): Promise<void> {
    const { signal } = this.#stopped;
    const { viewers = VIEWERS_DEFAULT, rate = RATE_DEFAULT, seed = Date.now() } = this.options;
    const cues = script({ seed, rate: Math.min(rate, RATE_MAX), viewers: Math.min(viewers, VIEWERS_MAX) });
    let startMs = performance.now();
    while (!signal.aborted) {
      const cue = cues.next().value;
      await sleep(startMs + cue.atMs - performance.now(), signal);
      for (
        let pauseMs = this.#wire.pace.pauseMs();
        pauseMs > 0 && !signal.aborted;
        pauseMs = this.#wire.pace.pauseMs()
      ) {
        await sleep(pauseMs, signal);
        startMs += pauseMs;
      }
      if (!signal.aborted && this.#underWay.size < UNDER_WAY_MAX) this.#begin(() => this.#act(cue));
    }
  }

  #begin(work: () => Promise<void>): void {
    const running = this.#attempt(work).finally(() => this.#underWay.delete(running));
    this.#underWay.add(running);
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    await work().catch((error: unknown) => this.tally.failed(error));
  }

  async #act(cue: Cue): Promise<void> {
    if (cue.kind === 'enter') return this.#enter(cue);
    const seat = this.#members.get(cue.seat);
    const room = this.#rooms.get(cue.room)!;
    // The seat is empty when its person could not come, or was shown out.
    if (!seat || seat.member.who !== cue.who || room.streamId === undefined) return;
    try {
      await this.#do(cue, seat.member, room, room.streamId);
    } catch (error) {
      if (error instanceof Refusal && error.code === 'STREAM_NOT_LIVE') return room.leave();
      if (error instanceof Refusal && SHUT_OUT.has(error.code)) this.#showOut(cue.seat, room);
      throw error;
    }
  }

  async #enter({ seat, who, room: name, follows }: Extract<Cue, { kind: 'enter' }>): Promise<void> {
    this.#members.get(seat)?.member.leave();
    this.#members.delete(seat);
    const room = this.#rooms.get(name)!;
    if (!this.#shutOut.has(`${who.handle} ${name}`)) {
      const member = new Member(this.#wire, who, this.#shelf, () => this.#newKey());
      this.#members.set(seat, { member, room });
      if (room.streamId !== undefined) member.watch(room.streamId);
      if (follows && room.creatorId !== undefined) this.#begin(() => member.follow(room.creatorId!));
    }
    this.tally.counts.viewers = this.#members.size;
  }

  async #do(cue: Exclude<Cue, { kind: 'enter' }>, member: Member, room: Room, streamId: string): Promise<void> {
    const { counts } = this.tally;
    if (cue.kind === 'gift') return this.#streak(cue, member, room, streamId);
    if (cue.kind === 'chat') {
      await member.say(streamId, cue.text);
      counts.chat++;
    } else if (cue.kind === 'likes') {
      await member.like(streamId, cue.count);
      counts.likes += cue.count;
    } else if (cue.kind === 'box') {
      await member.fundBox(streamId, { coins: cue.coins, shares: cue.shares, opensInSeconds: cue.opensInSeconds });
      counts.boxes++;
    } else if (await member.buy(streamId, cue.quantity)) counts.orders++;
  }

  async #streak(cue: Extract<Cue, { kind: 'gift' }>, member: Member, room: Room, streamId: string): Promise<void> {
    for (let given = 0; given < cue.count && room.streamId === streamId; given++) {
      if (given > 0) await sleep(cue.gapMs, this.#stopped.signal);
      if (this.#stopped.signal.aborted || this.#wire.pace.pauseMs() > 0) return;
      await member.give(streamId, cue.gift, cue.quantity);
      this.tally.counts.gifts++;
    }
  }

  #showOut(seat: number, room: Room): void {
    const taken = this.#members.get(seat);
    if (!taken) return;
    this.#shutOut.add(`${taken.member.who.handle} ${room.name}`);
    taken.member.leave();
    this.#members.delete(seat);
    this.tally.counts.viewers = this.#members.size;
  }

  /** A stream has begun: whoever sits there watches it. */
  #changed(room: Room): void {
    for (const seat of this.#members.values()) {
      if (seat.room === room && room.streamId !== undefined) seat.member.watch(room.streamId);
    }
  }

  #heard(room: Room, what: Heard): void {
    const { streamId } = room;
    if (this.#stopped.signal.aborted || streamId === undefined) return;
    if (what.__typename === 'ReactionPerformed') {
      this.tally.counts.reactions++;
      this.#remark(room, streamId, 'reaction');
    } else if (what.__typename === 'GiftSent') {
      if (what.coins < BIG_GIFT_COINS_MIN) return;
      this.#remark(room, streamId, 'bigGift', what.sender.displayName);
      this.#begin(() => this.#hosts.get(room.name)!.thank(streamId, what.sender.displayName, what.coins));
    } else if (what.__typename === 'BoxOpened') this.#claim(room, what.boxId);
    else if (what.__typename === 'BoxFunded') this.#remark(room, streamId, 'box', what.box.funder.displayName);
    else if (what.__typename === 'ProductPurchased') {
      if (what.buyer) this.#remark(room, streamId, 'bought', what.buyer.displayName);
    } else if (what.__typename === 'OfferStarted') this.#remark(room, streamId, 'offer');
    else if (what.__typename === 'BattleStarted') this.#remark(room, streamId, 'battle');
    else if (what.__typename === 'GoalReached') this.#remark(room, streamId, 'goal');
    else if (what.__typename !== 'StreamEnded') this.#remark(room, streamId, 'level');
  }

  /** Somebody who sits there says something about it, or nobody does. */
  #remark(room: Room, streamId: string, moment: Moment, name = ''): void {
    const there = this.#in(room).filter(({ who }) => who.handle !== name.toLowerCase());
    if (there.length === 0 || this.#underWay.size >= UNDER_WAY_MAX || !this.#chance.chance(REMARK_SHARE[moment]))
      return;
    const member = this.#chance.pick(there);
    const text = this.#chance.pick(ON_A_MOMENT[moment][member.who.language]).replace('{name}', name);
    this.#begin(async () => {
      await sleep(this.#chance.between(...REMARK_MS), this.#stopped.signal);
      await member.say(streamId, text);
      this.tally.counts.chat++;
    });
  }

  /** Everybody who sits there tries, each at a moment of their own; visitors have a chance, too. */
  #claim(room: Room, boxId: string): void {
    for (const member of this.#in(room).slice(0, UNDER_WAY_MAX - this.#underWay.size)) {
      this.#begin(async () => {
        await sleep(this.#chance.between(500, CLAIM_MS_MAX), this.#stopped.signal);
        if (await member.claim(boxId)) this.tally.counts.shares++;
      });
    }
  }

  #in(room: Room): Member[] {
    return [...this.#members.values()].flatMap((seat) => (seat.room === room ? [seat.member] : []));
  }

  #newKey(): string {
    return `play-${this.#name}-${++this.#keys}`;
  }
}
