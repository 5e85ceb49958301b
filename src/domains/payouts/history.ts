import type { Database } from '../../db/database.ts';
import type { Keyset } from '../../db/keyset.ts';
import { createLookUp } from '../../db/look-up.ts';
import { InvalidInputError } from '../../kernel/errors.ts';
import {
  type BucketRow,
  countHistory,
  type DiamondMove,
  findBuckets,
  type HistoryAccount,
  isInBucket,
  isInHistory,
  readBucketGifts,
  readHistory,
} from './history.repo.ts';
import { findHolds, type HoldRow } from './holds.repo.ts';

/** Where a creator's diamonds come from and where they go: each is followed to its gift. */
export class History {
  /** A bucket that was cut, by id; null when there is none. */
  readonly bucket: (id: bigint) => Promise<BucketRow | null>;
  /** A hold by id; null when there is none. */
  readonly hold: (id: bigint) => Promise<HoldRow | null>;

  constructor(private readonly db: Pick<Database, 'pool'>) {
    this.bucket = createLookUp(
      (ids) => findBuckets(db.pool, ids),
      ({ id }) => id,
    );
    this.hold = createLookUp(
      (ids) => findHolds(db.pool, ids),
      ({ id }) => id,
    );
  }

  /**
   * A page of what came into an account and went out, newest first.
   * @throws {InvalidInputError} the cursor is of another list
   */
  async page(of: { creatorId: bigint; account: HistoryAccount }, keyset: Keyset): Promise<DiamondMove[]> {
    const { pool } = this.db;
    const moves = await readHistory(pool, of, keyset);
    // At the end of a chain there is nothing either: only then it is worth a look.
    await checkCursor(moves, keyset, (from) => isInHistory(pool, of, from));
    return moves;
  }

  /** How many movements there were. */
  count(of: { creatorId: bigint; account: HistoryAccount }): Promise<number> {
    return countHistory(this.db.pool, of);
  }

  /**
   * A page of the gifts of a bucket, newest first.
   * @throws {InvalidInputError} the cursor is of another list
   */
  async giftsOf(bucketId: bigint, keyset: Keyset): Promise<DiamondMove[]> {
    const { pool } = this.db;
    const gifts = await readBucketGifts(pool, bucketId, keyset);
    await checkCursor(gifts, keyset, (from) => isInBucket(pool, bucketId, from));
    return gifts;
  }
}

async function checkCursor(
  found: readonly DiamondMove[],
  { from }: Keyset,
  isOfList: (from: bigint) => Promise<boolean>,
): Promise<void> {
  if (found.length > 0 || from === undefined || (await isOfList(from))) return;
  throw new InvalidInputError([{ path: 'after', message: 'Is not a cursor of this list.' }]);
}
