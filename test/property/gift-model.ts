/** What gifts_send_batch must do, in plain TypeScript: the gifts one by one, as if each were alone in the world. */

/** A kind of gift. */
export type Kind = { id: bigint; name: string; coins: number; active: boolean };
/** A person with coins. */
export type Person = {
  id: bigint;
  handle: string;
  displayName: string;
  coins: number;
  /** What may be spent on one gift, and altogether; null: as much as there is. */
  giftCap: number | null;
  capLeft: number | null;
  /** Why they may not send gifts at all. */
  keptOut: 'MUTED' | 'BANNED' | 'NOT_ALLOWED' | undefined;
};
/** What a creator does for a gift. A rule that cools down does so for longer than any test. */
export type Rule = {
  id: bigint;
  kindId: bigint;
  minQuantity: number | null;
  minStreak: number | null;
  priority: number;
  durationMs: number;
  cools: boolean;
};
/** A stream and the rate of its diamonds. */
export type Stream = { id: bigint; live: boolean; rateCoins: number; rateDiamonds: number; rules: readonly Rule[] };
/** One gift to be sent. */
export type Order = { viewerId: bigint; idempotencyKey: string; streamId: bigint; giftId: bigint; quantity: number };

/** One row of a log. */
export type ModelEvent = { streamId: bigint; seq: number; type: string; payload: object };
/** What becomes of one order. */
export type ModelOutcome =
  | { kind: 'SENT' | 'REPLAYED'; event: ModelEvent }
  | { kind: 'INSUFFICIENT_COINS'; available: number; required: number }
  | { kind: 'SPENDING_CAP'; remaining: number }
  | { kind: 'MUTED' | 'BANNED' | 'NOT_ALLOWED' }
  | { kind: 'CONFLICT' | 'UNKNOWN_STREAM' | 'UNKNOWN_GIFT' | 'STREAM_NOT_LIVE' };

type Streak = { kind: Kind; total: number; coins: number; expired: boolean };

/** The world as it should be. */
export class GiftModel {
  readonly log: ModelEvent[] = [];
  readonly streaks = new Map<string, Streak>();
  /** Reactions that wait, by stream, in the order in which they came. */
  readonly queues = new Map<bigint, { ruleId: bigint; priority: number; durationMs: number }[]>();
  readonly #sent = new Map<string, { order: Order; event: ModelEvent }>();
  readonly #seqs = new Map<bigint, number>();
  readonly #coins = new Map<bigint, number>();

  /** @param seq the number of the last event of every stream at the beginning */
  constructor(
    private readonly people: readonly Person[],
    private readonly streams: readonly Stream[],
    private readonly kinds: readonly Kind[],
    seq: (stream: Stream) => number,
  ) {
    for (const stream of streams) this.#seqs.set(stream.id, seq(stream));
  }

  /** Lets the window of every open streak pass. */
  expireStreaks(): void {
    for (const streak of this.streaks.values()) streak.expired = true;
  }

  /** Coins that a stream has received. */
  coinsOf(streamId: bigint): number {
    return this.#coins.get(streamId) ?? 0;
  }

  /** Diamonds that a stream has earned: rounded down once, on the sum. */
  diamondsOf({ id, rateCoins, rateDiamonds }: Stream): number {
    return Math.floor((this.coinsOf(id) * rateDiamonds) / rateCoins);
  }

  send(order: Order): ModelOutcome {
    const key = `${order.viewerId} ${order.idempotencyKey}`;
    const before = this.#sent.get(key);
    if (before) return isSame(before.order, order) ? { kind: 'REPLAYED', event: before.event } : { kind: 'CONFLICT' };
    const stream = this.streams.find(({ id }) => id === order.streamId);
    const kind = this.kinds.find(({ id }) => id === order.giftId);
    const sender = this.people.find(({ id }) => id === order.viewerId)!;
    if (!stream) return { kind: 'UNKNOWN_STREAM' };
    if (!kind?.active) return { kind: 'UNKNOWN_GIFT' };
    if (!stream.live) return { kind: 'STREAM_NOT_LIVE' };
    if (sender.keptOut) return { kind: sender.keptOut };
    const required = kind.coins * order.quantity;
    const spendable = Math.min(sender.giftCap ?? Number.POSITIVE_INFINITY, sender.capLeft ?? Number.POSITIVE_INFINITY);
    if (required > spendable) return { kind: 'SPENDING_CAP', remaining: spendable };
    if (sender.coins < required) return { kind: 'INSUFFICIENT_COINS', available: sender.coins, required };
    sender.coins -= required;
    if (sender.capLeft !== null) sender.capLeft -= required;
    this.#coins.set(stream.id, this.coinsOf(stream.id) + required);
    const streak = this.#continueStreak(stream, sender, kind, order.quantity, required);
    const event = this.#append(stream.id, 'GIFT_SENT', {
      sender: profile(sender),
      gift: shown(kind),
      quantity: order.quantity,
      coins: required,
      streak,
    });
    this.#sent.set(key, { order, event });
    this.#react(stream, sender, order, streak, event.seq);
    return { kind: 'SENT', event };
  }

  #react(stream: Stream, sender: Person, order: Order, streak: number, giftSeq: number): void {
    const queue = this.queues.get(stream.id) ?? [];
    this.queues.set(stream.id, queue);
    const least = (rule: Rule) => rule.minStreak ?? rule.minQuantity ?? 0;
    const [rule] = stream.rules
      .filter(({ kindId }) => kindId === order.giftId)
      .filter(({ minStreak, minQuantity }) =>
        minStreak === null
          ? order.quantity >= (minQuantity ?? 0)
          : streak >= minStreak && streak - order.quantity < minStreak,
      )
      .filter(({ id, cools }) => !cools || !queue.some(({ ruleId }) => ruleId === id))
      .sort((a, b) => b.priority - a.priority || least(b) - least(a) || Number(a.id - b.id));
    if (!rule) return;
    const before = queue.filter(({ priority }) => priority >= rule.priority);
    this.#append(stream.id, 'REACTION_QUEUED', {
      reaction: `Rule ${rule.id}`,
      animation: null,
      sound: 'pop',
      position: before.length + 1,
      etaMs: before.reduce((sum, { durationMs }) => sum + durationMs, 0),
      giftSeq,
      sender: profile(sender),
    });
    queue.push({ ruleId: rule.id, priority: rule.priority, durationMs: rule.durationMs });
  }

  #continueStreak(stream: Stream, sender: Person, kind: Kind, quantity: number, coins: number): number {
    const key = `${stream.id} ${sender.id}`;
    const open = this.streaks.get(key);
    if (open && open.kind.id === kind.id && !open.expired) {
      open.total += quantity;
      open.coins += coins;
      return open.total;
    }
    if (open) {
      const { total, coins } = open;
      this.#append(stream.id, 'STREAK_ENDED', { sender: profile(sender), gift: shown(open.kind), total, coins });
    }
    this.streaks.set(key, { kind, total: quantity, coins, expired: false });
    return quantity;
  }

  #append(streamId: bigint, type: string, payload: object): ModelEvent {
    const seq = this.#seqs.get(streamId)! + 1;
    this.#seqs.set(streamId, seq);
    const event = { streamId, seq, type, payload };
    this.log.push(event);
    return event;
  }
}

function isSame(one: Order, other: Order): boolean {
  return one.streamId === other.streamId && one.giftId === other.giftId && one.quantity === other.quantity;
}

function profile({ id, handle, displayName }: Person): object {
  return { id: Number(id), handle, displayName };
}

function shown({ id, name, coins }: Kind): object {
  return { id: Number(id), name, coins };
}
