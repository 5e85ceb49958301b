import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Bus } from './bus.ts';
import { channels } from './channels.ts';

/** Hears of what has changed, see `topics.ts`. Must not throw. */
export type ChangeListener = (topics: readonly string[]) => void;

/**
 * Tells whoever keeps what was read that it has changed: in this process at once, in the others over the bus. A message may
 * be lost there, so nobody keeps anything for long.
 */
export class Changes {
  readonly #self = randomUUID();
  readonly #listeners = new Set<ChangeListener>();
  readonly #subscription: Promise<(() => Promise<void>) | undefined>;

  constructor(private readonly deps: { bus: Bus; log: Logger }) {
    this.#subscription = deps.bus
      .subscribe(channels.changes(), (message) => {
        const { process, topics } = JSON.parse(message) as { process: string; topics: string[] };
        if (process !== this.#self) this.#tell(topics);
      })
      .catch((error: unknown) => {
        deps.log.warn({ err: error }, 'changes made by other processes cannot be heard; what is kept expires soon');
        return undefined;
      });
  }

  /** Announces what has changed, once it is committed and before anybody is told that it is. Does not wait for the bus. */
  announce(topics: readonly string[]): void {
    this.#tell(topics);
    this.deps.bus
      .publish(channels.changes(), JSON.stringify({ process: this.#self, topics }))
      .catch((error: unknown) => {
        this.deps.log.warn({ err: error }, 'announcing a change failed; what other processes keep expires soon');
      });
  }

  /** Hears of every change, until the returned function is called. */
  listen(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    await (await this.#subscription)?.();
  }

  #tell(topics: readonly string[]): void {
    for (const listener of this.#listeners) listener(topics);
  }
}
