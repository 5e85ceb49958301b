/** Lets any number of waiters sleep until something has changed. Holds nothing but the waiters. */
export class Wake {
  #waiters = new Set<() => void>();

  /** Wakes everybody who waits now. */
  wakeAll(): void {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const wake of waiters) wake();
  }

  /** Resolves at the next {@link wakeAll}, or when the signal is aborted, whichever comes first. */
  wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.#waiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiters.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
