import { randomUUID } from 'node:crypto';
import { below, createRandom } from '../lib/random.ts';
import type { Seeded } from './seed.ts';
import type { GiftOrder, GiftVariant } from './variant.ts';

/** How a call ended, as the table counts it. */
export type GiftCallOutcome = 'SENT' | 'REPLAYED' | 'REFUSED';

/** A gift that the caller was told is sent. */
export type Acknowledged = { order: GiftOrder; seq: bigint };

/** Share of the calls that repeat an earlier one. */
const REPLAY_SHARE = 0.01;
const QUANTITY_MAX = 3;
const SEED = 20_261_122;

/**
 * The calls of one round: gifts by viewers at random into streams by Zipf's law (the second gets half of what the first gets, the
 * third a third), and some repeated. Callers share no viewer, as every viewer is one client.
 */
export class GiftWorkload {
  readonly acknowledged: Acknowledged[] = [];
  readonly #random = createRandom(SEED);
  readonly #byCaller: Acknowledged[][];
  /** By stream: the sum of the weights of all up to it. */
  readonly #weights: number[] = [];

  constructor(
    private readonly seeded: Seeded,
    callers: number,
  ) {
    this.#byCaller = Array.from({ length: callers }, () => []);
    let sum = 0;
    for (const rank of seeded.streamIds.keys()) {
      sum += 1 / (rank + 1);
      this.#weights.push(sum);
    }
  }

  /**
   * Makes the next call of a caller.
   * @throws when a repeated call is not answered as the first was
   */
  async call(variant: GiftVariant, caller: number): Promise<GiftCallOutcome> {
    const own = this.#byCaller[caller] ?? [];
    const earlier = this.#random() < REPLAY_SHARE ? own[below(this.#random, own.length)] : undefined;
    const order = earlier?.order ?? this.#order(caller);
    const answer = await variant.send(order);
    if (earlier) {
      if (answer.kind !== 'REPLAYED' || answer.seq !== earlier.seq) {
        throw new Error(`A repeated call was answered ${answer.kind}, not REPLAYED with seq ${earlier.seq}`);
      }
    } else if (answer.kind === 'SENT') {
      const sent = { order, seq: answer.seq };
      own.push(sent);
      this.acknowledged.push(sent);
    } else if (answer.kind === 'REPLAYED') {
      throw new Error('A new gift was answered REPLAYED');
    }
    return answer.kind;
  }

  #order(caller: number): GiftOrder {
    const { giftIds, viewers } = this.seeded;
    const callers = this.#byCaller.length;
    const own = Math.ceil((viewers - caller) / callers);
    return {
      viewerId: BigInt(1 + caller + callers * below(this.#random, own)),
      idempotencyKey: randomUUID(),
      streamId: this.#stream(),
      giftId: giftIds[below(this.#random, giftIds.length)]!,
      quantity: 1 + below(this.#random, QUANTITY_MAX),
    };
  }

  #stream(): bigint {
    const { streamIds } = this.seeded;
    if (streamIds.length === 1) return streamIds[0]!;
    const wanted = this.#random() * this.#weights.at(-1)!;
    let [low, high] = [0, streamIds.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#weights[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return streamIds[low]!;
  }
}
