/** What a key has spent since its window began, of each of its budgets. */
type Window = { endsAtMs: number; spent: number[] };

/**
 * Counts in this process what keys spend of their budgets. A key's window begins with what it spends first; when it is over,
 * the key begins anew. All windows are of one length, so the oldest entry of the map ends first: nothing needs a timer.
 *
 * Memory is bounded: when there are too many keys, the one that would end next is forgotten, and begins anew too early.
 */
export class Windows {
  readonly #windows = new Map<string, Window>();

  /**
   * @param lengthMs how long a window is
   * @param limits what a key may spend of each budget in it
   * @param keysMax keys that are remembered at once
   */
  constructor(
    private readonly lengthMs: number,
    private readonly limits: readonly number[],
    private readonly keysMax: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * Spends, whether it fits or not: trying again and again does not help.
   * @param points of each budget, in the order of the limits; what spends nothing of a budget does not mind that it is over
   * @returns how many milliseconds later the key begins anew, if any budget is over; else undefined
   */
  spend(key: string, points: readonly number[]): number | undefined {
    const nowMs = this.now();
    let window = this.#windows.get(key);
    if (!window || window.endsAtMs <= nowMs) window = this.#begin(key, nowMs);
    let isOver = false;
    for (let n = 0; n < this.limits.length; n++) {
      const wanted = points[n]!;
      window.spent[n]! += wanted;
      if (wanted > 0 && window.spent[n]! > this.limits[n]!) isOver = true;
    }
    return isOver ? window.endsAtMs - nowMs : undefined;
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#windows.size;
  }

  #begin(key: string, nowMs: number): Window {
    this.#windows.delete(key);
    for (const [oldest, { endsAtMs }] of this.#windows) {
      if (endsAtMs > nowMs && this.#windows.size < this.keysMax) break;
      this.#windows.delete(oldest);
    }
    const window = { endsAtMs: nowMs + this.lengthMs, spent: this.limits.map(() => 0) };
    this.#windows.set(key, window);
    return window;
  }
}
