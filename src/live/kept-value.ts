import { onPrimary } from '../db/replica.ts';
import type { Changes } from './changes.ts';

/** How old a value may be when the message that it has changed was lost. */
export const KEPT_VALUE_MS_MAX = 3_000;

/** One value that is dear to read and seldom changes: read again after its topic has changed. Who asks meanwhile shares the read. */
export class KeptValue<Value> {
  #reading: { value: Promise<Value>; begunMs: number } | undefined;

  /** @param topic what the value depends on, see `topics.ts` */
  constructor(
    private readonly read: () => Promise<Value>,
    topic: string,
    changes: Changes,
  ) {
    // A read that is under way may have begun before the change: it answers those who wait for it, and nobody after them.
    changes.listen((changed) => {
      if (changed.includes(topic)) this.#reading = undefined;
    });
  }

  get(): Promise<Value> {
    const nowMs = performance.now();
    if (this.#reading && nowMs - this.#reading.begunMs < KEPT_VALUE_MS_MAX) return this.#reading.value;
    // From the primary, whoever asks first: a replica might not have what was changed before.
    const reading = { value: onPrimary(() => this.read()), begunMs: nowMs };
    this.#reading = reading;
    reading.value.catch(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
    return reading.value;
  }
}
