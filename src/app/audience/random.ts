/** What can be drawn from: each with how often it comes, in comparison with the others. */
export type Weighted<Item> = readonly (readonly [item: Item, weight: number])[];

/** A generator of random numbers that draws the same from the same seed (mulberry32). Good for a play, not for secrets. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, and without, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** True so often of all times. */
  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.between(0, items.length - 1)]!;
  }

  weighted<Item>(items: Weighted<Item>): Item {
    let left = this.next() * items.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [item, weight] of items) {
      left -= weight;
      if (left < 0) return item;
    }
    return items.at(-1)![0];
  }

  /** How long it is until what happens so often a second, without memory, happens next. */
  waitMs(timesPerSecond: number): number {
    return (-Math.log(1 - this.next()) / timesPerSecond) * 1000;
  }
}
