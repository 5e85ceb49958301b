import type { Queryable } from '../../db/database.ts';
import DataLoader from '../../db/loader.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import type { CreatorRow } from './creators.repo.ts';
import { deleteFollow, type Follow, insertFollow, readFollowed } from './follows.repo.ts';

/** Pairs that one statement looks up. */
const PAIRS_PER_READ_MAX = 100;

/** Who follows whom: what lets a viewer buy from offers for followers. */
export class Follows {
  readonly #followed: DataLoader<Follow, boolean>;

  constructor(
    private readonly pool: Queryable,
    private readonly findCreator: (id: bigint) => Promise<CreatorRow | null>,
  ) {
    this.#followed = new DataLoader((pairs) => readFollowed(pool, pairs), {
      cache: false,
      maxBatchSize: PAIRS_PER_READ_MAX,
    });
  }

  /**
   * Follows a creator. Following them again changes nothing.
   * @throws {NotFoundError} no such creator
   * @throws {ForbiddenError} it is the actor
   */
  async follow(actor: Actor, creatorId: bigint): Promise<{ creator: CreatorRow; replayed: boolean }> {
    const creator = await this.#find(creatorId);
    if (creator.viewerId === actor.id) throw new ForbiddenError('You cannot follow yourself.');
    return { creator, replayed: !(await insertFollow(this.pool, { creatorId, viewerId: actor.id })) };
  }

  /**
   * Follows a creator no longer. Doing so again changes nothing.
   * @throws {NotFoundError} no such creator
   */
  async unfollow(actor: Actor, creatorId: bigint): Promise<{ creator: CreatorRow; replayed: boolean }> {
    const creator = await this.#find(creatorId);
    return { creator, replayed: !(await deleteFollow(this.pool, { creatorId, viewerId: actor.id })) };
  }

  /** Whether a viewer follows a creator. Those asked for at once are read together. */
  isFollowed(follow: Follow): Promise<boolean> {
    return this.#followed.load(follow);
  }

  async #find(creatorId: bigint): Promise<CreatorRow> {
    const creator = await this.findCreator(creatorId);
    if (!creator) throw new NotFoundError('creator');
    return creator;
  }
}
