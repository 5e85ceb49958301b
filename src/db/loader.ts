import Library from 'dataloader';
import { readsFromReplica } from './replica.ts';

/**
 * The DataLoader of everybody. What is to be read from the primary never shares a read with what may come from the replica: so
 * these are two, and whoever asks gets the one of the place that it reads from.
 */
export default class DataLoader<Key, Value, CacheKey = Key> {
  readonly #primary: Library<Key, Value, CacheKey>;
  readonly #replica: Library<Key, Value, CacheKey>;

  constructor(...options: ConstructorParameters<typeof Library<Key, Value, CacheKey>>) {
    this.#primary = new Library(...options);
    this.#replica = new Library(...options);
  }

  /** Loads one key, together with what else is asked for at once. */
  load(key: Key): Promise<Value> {
    return this.#here.load(key);
  }

  /** Loads many keys. */
  loadMany(keys: ArrayLike<Key>): Promise<(Value | Error)[]> {
    return this.#here.loadMany(keys);
  }

  get #here(): Library<Key, Value, CacheKey> {
    return readsFromReplica() ? this.#replica : this.#primary;
  }
}
