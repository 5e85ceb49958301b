/**
 * Calls under way, by identity (an actor's idempotency key): a second call with the same input joins the first; one with
 * another input waits until it is known what became of the first. So no batch holds an identity twice.
 */
export class InFlight<Item, Outcome> {
  readonly #calls = new Map<string, { item: Item; outcome: Promise<Outcome> }>();

  /** @param isSame whether two calls of one identity ask for the same */
  constructor(private readonly isSame: (one: Item, other: Item) => boolean) {}

  /**
   * Runs a call, or joins the one that is under way.
   * @returns its outcome, and whether it was another call's
   * @throws what `start` rejects with
   */
  async run(
    identity: string,
    item: Item,
    start: () => Promise<Outcome>,
  ): Promise<{ outcome: Outcome; joined: boolean }> {
    for (;;) {
      const other = this.#calls.get(identity);
      if (!other) break;
      if (this.isSame(other.item, item)) return { outcome: await other.outcome, joined: true };
      await other.outcome.catch(() => undefined); // its own caller hears of it
    }
    const outcome = start();
    this.#calls.set(identity, { item, outcome });
    try {
      return { outcome: await outcome, joined: false };
    } finally {
      this.#calls.delete(identity);
    }
  }
}
