import { newKey, type Outcome } from '../api/perform.ts';
import type { SendGiftMutation } from '../generated/graphql.ts';

/** Gifts of one call at the most; more taps make more calls. */
const QUANTITY_MAX = 50;
/** So long after the last tap the next begins a new count, as it does at the server. */
const STREAK_WINDOW_MS = 5_000;

type Send = (quantity: number, idempotencyKey: string) => Promise<Outcome<SendGiftMutation>>;

/**
 * Sends what is tapped. It counts at once; while a call is under way taps gather, and go together in the next one. Each call
 * has a key of its own that stays the same however often it has to be sent. What fails is taken off the count again.
 */
export class GiftSender {
  #count = 0;
  #waiting = 0;
  #sending = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly send: Send,
    private readonly onCount: (count: number) => void,
    private readonly onProblem: (problem: Extract<Outcome<SendGiftMutation>, { ok: false }>['problem']) => void,
  ) {}

  tap(): void {
    this.#waiting++;
    this.#counted(this.#count + 1);
    void this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    while (this.#waiting > 0) {
      const quantity = Math.min(this.#waiting, QUANTITY_MAX);
      this.#waiting -= quantity;
      const outcome = await this.send(quantity, newKey());
      if (outcome.ok) continue;
      // What has been tapped meanwhile would meet the same refusal.
      this.#counted(Math.max(0, this.#count - quantity - this.#waiting));
      this.#waiting = 0;
      this.onProblem(outcome.problem);
    }
    this.#sending = false;
  }

  #counted(count: number): void {
    this.#count = count;
    this.onCount(count);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#count = 0;
      this.onCount(0);
    }, STREAK_WINDOW_MS);
  }
}
