const ATTEMPTS_MAX = 6;
const PAUSE_MS_MIN = 200;

/**
 * Sends a request again until it is answered. An answer that got lost may have done its work: only for queries, and for
 * mutations whose input has an `idempotencyKey`, made once, outside of `send`.
 * @param isLost whether an error says that there was no answer
 */
export async function untilAnswered<T>(send: () => Promise<T>, isLost: (error: unknown) => boolean): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !isLost(error)) throw error;
      const pauseMs = PAUSE_MS_MIN * 2 ** attempt * (0.5 + Math.random() / 2);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
