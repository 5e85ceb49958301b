import type { Database } from '../../db/database.ts';
import type { Keyset } from '../../db/keyset.ts';
import { createLookUp } from '../../db/look-up.ts';
import type { Changes } from '../../live/changes.ts';
import { KeptValue } from '../../live/kept-value.ts';
import { topics } from '../../live/topics.ts';
import {
  type CreatorRow,
  countCreators,
  findCreators,
  findCreatorsByHandle,
  readCreatorPage,
} from './creators.repo.ts';
import { Follows } from './follows.ts';

/** Creators, and who follows them. Those asked for one by one at the same time are read together. */
export class Creators {
  /** A creator by id; null when there is none. */
  readonly find: (id: bigint) => Promise<CreatorRow | null>;
  /** Who follows whom. */
  readonly follows: Follows;
  readonly #findByHandle: (handle: string) => Promise<CreatorRow | null>;
  readonly #count: KeptValue<number>;

  constructor(
    private readonly db: Database,
    changes: Changes,
  ) {
    this.#count = new KeptValue(() => countCreators(db.pool, undefined), topics.creators, changes);
    this.find = createLookUp(
      (ids) => findCreators(db.pool, ids),
      ({ id }) => id,
    );
    this.follows = new Follows(db.pool, this.find);
    this.#findByHandle = createLookUp(
      (handles) => findCreatorsByHandle(db.pool, handles),
      ({ handle }) => handle,
    );
  }

  /** A creator by handle, in any case; null when there is none. */
  findByHandle(handle: string): Promise<CreatorRow | null> {
    return this.#findByHandle(handle.toLowerCase());
  }

  /** A page of creators, oldest first; with a search, of those whose handle or name contains the text. */
  page(keyset: Keyset, search?: string | null): Promise<CreatorRow[]> {
    return readCreatorPage(this.db.pool, keyset, search?.trim());
  }

  /** How many creators match, or there are: these are counted after a change, not for each who asks. */
  count(search?: string | null): Promise<number> {
    const text = search?.trim();
    return text ? countCreators(this.db.pool, text) : this.#count.get();
  }
}
