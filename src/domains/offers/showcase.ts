import type { Database, Queryable, SqlTransaction } from '../../db/database.ts';
import DataLoader from '../../db/loader.ts';
import { ForbiddenError, InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import { groupBy } from '../../kernel/group-by.ts';
import type { Live } from '../../live/live.ts';
import type { LiveEventDraft } from '../../live/live-event.ts';
import { appendEvents, lockLog } from '../../live/live-log.ts';
import { topics } from '../../live/topics.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { snapshotProducts } from '../catalog/catalog.api.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import { offerEvents, type TrustedProduct } from './offers.events.ts';
import { SHOWCASE_MAX } from './offers.limits.ts';
import { readSellingStream, type SellingStream } from './offers.repo.ts';
import { pin, unpin } from './pin.ts';
import { addItem, countItems, deleteItem, findItem, findPinned, findShown } from './showcase.repo.ts';
import type { TrustCards } from './trust.ts';

/** Streams whose showcases one statement reads. */
const STREAMS_PER_READ_MAX = 100;

/** A product in a stream. */
export type Placement = { streamId: bigint; productId: bigint };

/**
 * What streams show: up to {@link SHOWCASE_MAX} products, one of them pinned at the most. A stream's showcase belongs to the
 * holder of its log's lock, so that a pin stands in true order with the gifts, and the coins given while it lasts can be told.
 */
export class Showcase {
  readonly #pinned: DataLoader<bigint, bigint | null>;
  readonly #shown: DataLoader<bigint, bigint[]>;

  constructor(
    private readonly deps: { db: Database; live: Live },
    private readonly trust: TrustCards,
  ) {
    const { pool } = deps.db;
    const options = { cache: false, maxBatchSize: STREAMS_PER_READ_MAX };
    this.#pinned = new DataLoader(async (streamIds) => {
      const found = new Map((await findPinned(pool, streamIds)).map((row) => [row.streamId, row.productId]));
      return streamIds.map((id) => found.get(id) ?? null);
    }, options);
    this.#shown = new DataLoader(async (streamIds) => {
      const found = groupBy(await findShown(pool, streamIds), ({ streamId }) => streamId);
      return streamIds.map((id) => (found.get(id) ?? []).map(({ productId }) => productId));
    }, options);
  }

  /** The product that a stream has pinned, if it is published. */
  pinnedOf(streamId: bigint): Promise<bigint | null> {
    return this.#pinned.load(streamId);
  }

  /** The published products that a stream shows, in the order in which they came. */
  shownOf(streamId: bigint): Promise<bigint[]> {
    return this.#shown.load(streamId);
  }

  /**
   * Pins a product, in the place of the one that is pinned. It is added to the showcase and stays there. Pinning it again
   * changes nothing.
   * @throws {NotFoundError} no such stream, or no such product on sale
   * @throws {ForbiddenError} somebody else's stream
   * @throws {StreamNotLiveError}
   * @throws {InvalidInputError} the showcase is full
   */
  pin(actor: Actor, placement: Placement): Promise<{ replayed: boolean }> {
    const { streamId, productId } = placement;
    return this.#write(streamId, async (sql) => {
      const product = await this.#snapshot(sql, productId); // before the lock: gifts wait for it
      await lockOwnLive(sql, actor, streamId);
      if (!product) throw new NotFoundError('product');
      const item = await findItem(sql, placement);
      if (item?.isPinned) return undefined;
      if (!item) await checkRoom(sql, streamId);
      await pin(sql, placement);
      return [offerEvents.pinned(streamId, product)];
    });
  }

  /**
   * Takes the pin off; the product stays in the showcase. Where nothing is pinned nothing changes.
   * @throws {NotFoundError} no such stream
   * @throws {ForbiddenError} somebody else's stream
   * @throws {StreamNotLiveError}
   */
  unpin(actor: Actor, streamId: bigint): Promise<{ replayed: boolean }> {
    return this.#write(streamId, async (sql) => {
      await lockOwnLive(sql, actor, streamId);
      const productId = await unpin(sql, streamId);
      return productId === undefined ? undefined : [offerEvents.unpinned(streamId, productId)];
    });
  }

  /**
   * Adds a product to what a stream shows. Adding it again changes nothing.
   * @throws as {@link pin} does
   */
  add(actor: Actor, placement: Placement): Promise<{ replayed: boolean }> {
    const { streamId, productId } = placement;
    return this.#write(streamId, async (sql) => {
      const isOnSale = (await snapshotProducts(sql, [productId])).has(productId);
      await lockOwnLive(sql, actor, streamId);
      if (!isOnSale) throw new NotFoundError('product');
      if (await findItem(sql, placement)) return undefined;
      await checkRoom(sql, streamId);
      await addItem(sql, placement);
      return [];
    });
  }

  /**
   * Takes a product out of the showcase, and the pin off it. What is not in it may be taken out again and again.
   * @throws as {@link unpin} does
   */
  remove(actor: Actor, placement: Placement): Promise<{ replayed: boolean }> {
    const { streamId, productId } = placement;
    return this.#write(streamId, async (sql) => {
      await lockOwnLive(sql, actor, streamId);
      const item = await findItem(sql, placement);
      if (!item) return undefined;
      if (item.isPinned) await unpin(sql, streamId);
      await deleteItem(sql, placement);
      return item.isPinned ? [offerEvents.unpinned(streamId, productId)] : [];
    });
  }

  /** @param work the events of what it has changed; undefined when it has changed nothing */
  async #write(
    streamId: bigint,
    work: (sql: SqlTransaction) => Promise<LiveEventDraft[] | undefined>,
  ): Promise<{ replayed: boolean }> {
    const { db, live } = this.deps;
    const events = await db.inTransaction(async (sql) => {
      const drafts = await work(sql);
      return drafts && appendEvents(sql, drafts);
    });
    if (!events) return { replayed: true };
    live.changes.announce([topics.showcase(streamId)]);
    live.announce(events);
    return { replayed: false };
  }

  /** A published product with its trust card, as events carry it. */
  async #snapshot(sql: SqlTransaction, productId: bigint): Promise<TrustedProduct | undefined> {
    const product = (await snapshotProducts(sql, [productId])).get(productId);
    if (!product) return undefined;
    const [trust] = await this.trust.read(sql, [{ productId, variantId: null, before: null }]);
    return { ...product, trust: trust! };
  }
}

/**
 * A stream of the actor's.
 * @param deed what only its creator can do, for the message
 * @throws {NotFoundError} no such stream
 * @throws {ForbiddenError} it is somebody else's
 */
export async function requireOwnStream(
  sql: Queryable,
  actor: Actor,
  streamId: bigint,
  deed: string,
): Promise<SellingStream> {
  const stream = await readSellingStream(sql, streamId);
  if (!stream) throw new NotFoundError('stream');
  if (stream.viewerId !== actor.id) throw new ForbiddenError(`Only the creator of a stream can ${deed}.`);
  return stream;
}

/** Locks the log first: the stream is as it is until the transaction ends. */
async function lockOwnLive(sql: SqlTransaction, actor: Actor, streamId: bigint): Promise<void> {
  await lockLog(sql, streamId);
  const { status } = await requireOwnStream(sql, actor, streamId, 'change what it shows');
  if (status !== 'LIVE') throw new StreamNotLiveError();
}

async function checkRoom(sql: SqlTransaction, streamId: bigint): Promise<void> {
  if ((await countItems(sql, streamId)) < SHOWCASE_MAX) return;
  const message = `A stream shows ${SHOWCASE_MAX} products at the most: remove one first.`;
  throw new InvalidInputError([{ path: 'input.productId', message }]);
}
