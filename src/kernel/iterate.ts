/**
 * Makes an async iterator out of a generator that can wait for long. A plain async generator answers `return()` only when its
 * pending `next()` settles, so a cancelled subscription would hang until the next event; here `return()` aborts the signal
 * that the generator waits with.
 */
export function abortable<T>(
  generate: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
): AsyncIterableIterator<T> {
  const controller = new AbortController();
  const generator = generate(controller.signal);
  return {
    next: () => generator.next(),
    return: () => {
      controller.abort();
      return generator.return();
    },
    throw: (error: unknown) => {
      controller.abort();
      return generator.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Passes on what `map` makes of each item; `undefined` is left out. Cancels the source when it is cancelled. */
export class MappedIterator<T, R> implements AsyncIterableIterator<R> {
  constructor(
    readonly source: AsyncIterableIterator<T>,
    readonly map: (item: T) => R | undefined | Promise<R | undefined>,
  ) {}

  async next(): Promise<IteratorResult<R, undefined>> {
    for (;;) {
      const result = await this.source.next();
      if (result.done) return { done: true, value: undefined };
      const value = await this.map(result.value);
      if (value !== undefined) return { done: false, value };
    }
  }

  async return(): Promise<IteratorResult<R, undefined>> {
    await this.source.return?.();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<R, undefined>> {
    await this.source.return?.();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
