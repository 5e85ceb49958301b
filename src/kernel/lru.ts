/** A map by text that is bounded by weight: once its entries weigh too much together, what was not used for longest goes. */
export class Lru<Value> {
  /** Least recently used first: a Map keeps the order of insertion, and every use inserts anew. */
  readonly #entries = new Map<string, { value: Value; weight: number }>();
  #weight = 0;

  /** @param weightMax what all entries may weigh together; the unit is the caller's */
  constructor(private readonly weightMax: number) {}

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Keeps the value, unless it alone is too heavy. */
  set(key: string, value: Value, weight: number): void {
    this.delete(key);
    if (weight > this.weightMax) return;
    this.#entries.set(key, { value, weight });
    this.#weight += weight;
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.weightMax) return;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#weight -= entry.weight;
  }

  get size(): number {
    return this.#entries.size;
  }
}
