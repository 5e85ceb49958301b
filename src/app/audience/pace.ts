/** The first pause after a refusal; each further one without a success between is twice as long. */
const PAUSE_MS_MIN = 1_000;
const PAUSE_MS_MAX = 60_000;

/**
 * When the audience as a whole may ask again. A server that says no, or nothing, is left alone for longer and longer, however
 * many of the audience have something to say.
 */
export class Pace {
  #pausedUntilMs = 0;
  #refusals = 0;

  /** @param now milliseconds that only grow; tests give their own */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** How long nobody may ask yet; 0: now. */
  pauseMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.now());
  }

  /** The server has answered. */
  accepted(): void {
    if (this.pauseMs() === 0) this.#refusals = 0;
  }

  /** The server cannot, or does not want to. `retryAfterMs`: as it has said itself. */
  refused(retryAfterMs = 0): void {
    // What was under way when the first refusal came says the same thing once more.
    const isNews = this.pauseMs() === 0;
    const growing = PAUSE_MS_MIN * 2 ** Math.min(this.#refusals, 16);
    if (isNews) this.#refusals++;
    const pauseMs = Math.min(PAUSE_MS_MAX, Math.max(retryAfterMs, isNews ? growing : 0));
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.now() + pauseMs);
  }
}
