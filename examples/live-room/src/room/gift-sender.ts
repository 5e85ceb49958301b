import { newKey } from '../api/key.ts';
import type { Outcome } from '../api/perform.ts';
import type { SendGiftMutation } from '../generated/graphql.ts';

/** Gifts of one call at the most; more taps make more calls. */
const QUANTITY_MAX = 50;
/** So long after the last tap the next begins a new count, as it does at the server. */
const STREAK_WINDOW_MS = 5_000;

type Send = (quantity: number, idempotencyKey: string) => Promise<Outcome<SendGiftMutation>>;

/**
 * Sends what is tapped. It counts at once; while a call is under way taps gather, and go together in the next one. Each call
 * has a key of its own that stays the same however often it has to be sent. What fails is taken off the count again. Who taps as
 * often again after a call without an answer repeats that call: if it was done after all, it is not done twice.
 */
export class GiftSender {
  #count = 0;
  #waiting = 0;
  #sending = false;
  #unanswered: { quantity: number; key: string } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly send: Send,
    private readonly onCount: (count: number) => void,
    /** Called with undefined when all is well. */
    private readonly onProblem: (
      problem: Extract<Outcome<SendGiftMutation>, { ok: false }>['problem'] | undefined,
    ) => void,
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
      const key = this.#unanswered?.quantity === quantity ? this.#unanswered.key : newKey();
      const outcome = await this.send(quantity, key);
      this.#unanswered = !outcome.ok && outcome.problem.__typename === 'NoAnswer' ? { quantity, key } : undefined;
      if (outcome.ok) {
        this.onProblem(undefined);
        continue;
      }
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
