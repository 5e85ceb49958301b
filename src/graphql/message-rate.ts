/** Messages and pings that one socket may send at once, after a pause. */
export const MESSAGES_BURST_MAX = 500;
/** And per second for as long as it likes. */
export const MESSAGES_PER_SECOND_MAX = 200;

/** A bucket of messages for one socket: full at first, refilled with time. */
export class MessageRate {
  #left = MESSAGES_BURST_MAX;
  #countedAtMs = performance.now();

  /** Whether one more message is let through. */
  admit(): boolean {
    if (this.#left < 1) this.#refill();
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  /** Only when it is empty: a clock that is not asked costs nothing. What it gives is bounded by the burst. */
  #refill(): void {
    const nowMs = performance.now();
    const earned = ((nowMs - this.#countedAtMs) / 1_000) * MESSAGES_PER_SECOND_MAX;
    this.#left = Math.min(this.#left + earned, MESSAGES_BURST_MAX);
    this.#countedAtMs = nowMs;
  }
}
