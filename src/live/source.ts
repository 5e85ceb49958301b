/**
 * What many read at their own pace: items that are numbered one after the other. A feed of events is one; a value of which
 * only the newest counts is another.
 */
export type Source<Item> = {
  /** The number of the newest item. */
  readonly head: bigint;
  /** The lowest number that is at hand; `head` + 1 when nothing is. */
  readonly first: bigint;
  /** The item with this number, if it is at hand. */
  at: (seq: bigint) => Item | undefined;
  /** Called after the head has moved. Must not throw. */
  readonly listeners: Set<() => void>;
  /** Reads what lies before `first`, from a number on; at least one item. Without it nobody misses what is gone. */
  past?: (seq: bigint) => Promise<readonly (Item & { seq: bigint })[]>;
  /** Whether an item is the same for whoever reads it, wherever it was. */
  isSame: (item: Item) => boolean;
};

/**
 * One reader's place in a source. Reads by itself as an async iterator; or a fan-out group reads in its stead, from `nextSeq`
 * on, and this one only says who reads, and ends.
 */
export abstract class SourceReader<Item> implements AsyncIterableIterator<Item> {
  abstract readonly source: Source<Item>;
  /** The number that it reads next. */
  abstract readonly nextSeq: bigint;

  abstract next(): Promise<IteratorResult<Item, undefined>>;
  /** Ends it. May be called again. */
  abstract return(): Promise<IteratorResult<Item, undefined>>;
  /** Ends it because it was too slow: its transport is closed, so that the client resumes. */
  abstract lap(): void;

  async throw(error: unknown): Promise<IteratorResult<Item, undefined>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
