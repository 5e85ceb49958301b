import type { Logger } from 'pino';
import type { Database, SqlTransaction } from '../../db/database.ts';
import { KEY_TAKEN, readKeys, storeKeys } from '../../db/idempotent.ts';
import DataLoader from '../../db/loader.ts';
import { createLookUp } from '../../db/look-up.ts';
import { brokeConstraint } from '../../db/sql-errors.ts';
import { ForbiddenError, IdempotencyConflictError, InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import { groupBy } from '../../kernel/group-by.ts';
import { hashInput } from '../../kernel/idempotency.ts';
import { formatAmount } from '../../kernel/money.ts';
import type { Live } from '../../live/live.ts';
import type { LiveEventDraft } from '../../live/live-event.ts';
import { appendEvents, lockLog } from '../../live/live-log.ts';
import { topics } from '../../live/topics.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { type ProductView, snapshotProducts, type VariantView } from '../catalog/catalog.api.ts';
import { SoldOutError } from '../orders/orders.errors.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import { ExpirySweep } from './expiry-sweep.ts';
import { OfferAlreadyLiveError } from './offers.errors.ts';
import { offerEvents } from './offers.events.ts';
import { OPEN_OFFERS_MAX } from './offers.limits.ts';
import {
  countOpenOffers,
  endExpiredOffer,
  endOffer,
  findOffers,
  findOpenOffer,
  findOpenOffers,
  findVariantForOffer,
  insertOffer,
  type OfferDraft,
  type OfferRow,
} from './offers.repo.ts';
import { lockOffers } from './sale.repo.ts';
import { requireOwnStream, Showcase } from './showcase.ts';
import { TrustCards } from './trust.ts';

/** Streams whose offers one statement reads. */
const STREAMS_PER_READ_MAX = 100;
const OPERATION = 'startOffer';
/** Times that an offer is tried to start while the one in its way ends. */
const START_ATTEMPTS_MAX = 5;

/** Intervals that tests override. */
export type OffersOptions = { sweepIntervalMs?: number };

/** An offer that the caller has started, and their name for the call. */
export type OfferOrder = OfferDraft & { idempotencyKey?: string | undefined };

/** Live-only prices: starting and ending them, what streams show, and why a buyer may trust it. */
export class Offers {
  readonly showcase: Showcase;
  readonly trust: TrustCards;
  /** An offer by id, open or not; null when there is none. */
  readonly find: (id: bigint) => Promise<OfferRow | null>;
  readonly #open: DataLoader<bigint, OfferRow[]>;
  readonly #sweep: ExpirySweep;

  constructor(
    private readonly deps: { db: Database; live: Live; log: Logger },
    options: OffersOptions = {},
  ) {
    const { pool } = deps.db;
    this.trust = new TrustCards(pool);
    this.showcase = new Showcase(deps, this.trust);
    this.#sweep = new ExpirySweep(deps, options.sweepIntervalMs);
    this.find = createLookUp(
      (ids) => findOffers(pool, ids),
      ({ id }) => id,
    );
    this.#open = new DataLoader(
      async (streamIds) => {
        const byStream = groupBy(await findOpenOffers(pool, streamIds), ({ streamId }) => streamId);
        return streamIds.map((id) => byStream.get(id) ?? []);
      },
      { cache: false, maxBatchSize: STREAMS_PER_READ_MAX },
    );
  }

  /** The open offers of a stream, oldest first. */
  openOf(streamId: bigint): Promise<OfferRow[]> {
    return this.#open.load(streamId);
  }

  /**
   * Starts a live-only price, once per key, if there is one. An offer sets no stock aside: `quantity` is what may be sold of it
   * at this price at the most.
   * @throws {NotFoundError} no such stream, or no such variant on sale
   * @throws {ForbiddenError} somebody else's stream, or another merchant's variant
   * @throws {StreamNotLiveError}
   * @throws {InvalidInputError} not below the list price, or a limit above the quantity
   * @throws {SoldOutError} less in stock than the quantity
   * @throws {OfferAlreadyLiveError} the variant has one in the stream
   * @throws {IdempotencyConflictError} the key stands for another offer
   */
  async startOffer(actor: Actor, order: OfferOrder): Promise<{ offerId: bigint; replayed: boolean }> {
    for (let attempt = 1; ; attempt++) {
      const started = await this.#tryToStart(actor, order, attempt === START_ATTEMPTS_MAX);
      if (started) return started;
    }
  }

  /** Undefined when another offer was in the way and has ended since. */
  async #tryToStart(actor: Actor, order: OfferOrder, isLast: boolean) {
    const { db, live } = this.deps;
    const replayed = () => db.inTransaction((sql) => readReplay(sql, actor, order));
    try {
      const { offerId, drafts } = await db.inTransaction(async (sql) => {
        const known = await readReplay(sql, actor, order);
        if (known !== undefined) return { offerId: known, drafts: [] };
        const { offerId, drafts } = await this.#start(sql, actor, order);
        await storeReplay(sql, actor, order, offerId);
        return { offerId, drafts: await appendEvents(sql, drafts) };
      });
      if (drafts.length > 0) live.changes.announce([topics.showcase(order.streamId)]);
      live.announce(drafts);
      return { offerId, replayed: drafts.length === 0 };
    } catch (error) {
      const isTaken = brokeConstraint(error, 'offer_one_live_per_variant');
      if (!isTaken && !brokeConstraint(error, KEY_TAKEN)) throw error;
      // A parallel call may have been with this very key.
      const known = await replayed();
      if (known !== undefined) return { offerId: known, replayed: true };
      const open = isTaken ? await findOpenOffer(db.pool, order.streamId, order.variantId) : undefined;
      if (open) throw new OfferAlreadyLiveError(open.id);
      if (!isTaken || isLast) throw error;
      return undefined;
    }
  }

  /**
   * Ends an offer before its time. Ending an ended one changes nothing.
   * @throws {NotFoundError} no such offer
   * @throws {ForbiddenError} it is in somebody else's stream
   */
  async endOffer(actor: Actor, offerId: bigint): Promise<{ replayed: boolean }> {
    const { db, live } = this.deps;
    const events = await db.inTransaction(async (sql) => {
      const [offer] = await lockOffers(sql, [offerId]);
      if (!offer) throw new NotFoundError('offer');
      await requireOwnStream(sql, actor, offer.streamId, 'end an offer');
      return appendEvents(sql, await endOffer(sql, offerId));
    });
    if (events.length > 0) live.changes.announce([topics.showcase(events[0]!.streamId)]);
    live.announce(events);
    return { replayed: events.length === 0 };
  }

  /** Starts ending offers whose time is over, those of a server that died included. */
  start(): void {
    this.#sweep.start();
  }

  async close(): Promise<void> {
    await this.#sweep.close();
  }

  async #start(sql: SqlTransaction, actor: Actor, order: OfferOrder) {
    const { streamId, variantId } = order;
    const stream = await requireOwnStream(sql, actor, streamId, 'start an offer');
    if (stream.status !== 'LIVE') throw new StreamNotLiveError();
    const { product, variant } = await findOnSale(sql, actor, variantId);
    checkOffer(order, variant);
    const ended = await endExpiredOffer(sql, streamId, variantId);
    const inserted = await insertOffer(sql, { ...order, currency: variant.currency });
    const [trust, productTrust] = await this.trust.read(sql, [
      { productId: BigInt(product.id), variantId, before: inserted.startsAt },
      { productId: BigInt(product.id), variantId: null, before: inserted.startsAt },
    ]);
    // From here on nothing else happens in the stream; it may have ended meanwhile.
    await lockLog(sql, streamId);
    if ((await requireOwnStream(sql, actor, streamId, 'start an offer')).status !== 'LIVE') {
      throw new StreamNotLiveError();
    }
    await checkOpenOffers(sql, streamId);
    const { quantity, perBuyerLimit, eligibility } = order;
    const started = offerEvents.started(streamId, {
      id: Number(inserted.id),
      streamId: Number(streamId),
      variantId: Number(variantId),
      productId: Number(product.id),
      variant,
      product: { ...product, trust: productTrust! },
      unitPriceMinor: Number(order.unitPriceMinor),
      currency: variant.currency,
      quantity,
      remaining: quantity,
      perBuyerLimit,
      eligibility,
      startsAt: inserted.startsAt.toISOString(),
      endsAt: inserted.endsAt.toISOString(),
      endReason: null,
      trust: trust!,
    });
    return { offerId: inserted.id, drafts: [...ended, started] as LiveEventDraft[] };
  }
}

/** A variant that is on sale, with its product, both as events carry them; the actor acts for its merchant. */
async function findOnSale(
  sql: SqlTransaction,
  actor: Actor,
  variantId: bigint,
): Promise<{ product: ProductView; variant: VariantView }> {
  const found = await findVariantForOffer(sql, variantId, actor.id);
  const product = found && (await snapshotProducts(sql, [found.productId])).get(found.productId);
  const variant = product?.variants?.find(({ id }) => BigInt(id) === variantId);
  if (!product || !variant) throw new NotFoundError('variant');
  if (!found.isMember) throw new ForbiddenError('Only those who act for its merchant can give it another price.');
  return { product, variant };
}

function checkOffer({ unitPriceMinor, quantity, perBuyerLimit }: OfferOrder, variant: VariantView): void {
  const issues = [];
  if (unitPriceMinor >= BigInt(variant.priceMinor)) {
    const listPrice = formatAmount({ minorUnits: BigInt(variant.priceMinor), currency: variant.currency });
    issues.push({
      path: 'input.unitPriceMinor',
      message: `Must be below the price of ${listPrice} ${variant.currency}.`,
    });
  }
  if (perBuyerLimit > quantity) {
    issues.push({ path: 'input.perBuyerLimit', message: 'Must not be above the quantity.' });
  }
  if (issues.length > 0) throw new InvalidInputError(issues);
  if (quantity > variant.available) throw new SoldOutError(variant.available);
}

/** Counts the one that was just inserted, too. */
async function checkOpenOffers(sql: SqlTransaction, streamId: bigint): Promise<void> {
  if ((await countOpenOffers(sql, streamId)) <= OPEN_OFFERS_MAX) return;
  const message = `A stream has ${OPEN_OFFERS_MAX} open offers at the most: end one first.`;
  throw new InvalidInputError([{ path: 'input.streamId', message }]);
}

/** The offer that the key stands for. */
async function readReplay(sql: SqlTransaction, actor: Actor, order: OfferOrder): Promise<bigint | undefined> {
  if (order.idempotencyKey === undefined) return undefined;
  const [stored] = await readKeys<{ offerId: string }>(sql, OPERATION, [
    { actorId: actor.id, key: order.idempotencyKey },
  ]);
  if (!stored) return undefined;
  if (stored.inputHash !== hashOrder(order)) throw new IdempotencyConflictError();
  return BigInt(stored.result.offerId);
}

async function storeReplay(sql: SqlTransaction, actor: Actor, order: OfferOrder, offerId: bigint): Promise<void> {
  if (order.idempotencyKey === undefined) return;
  await storeKeys(sql, OPERATION, [
    {
      actorId: actor.id,
      key: order.idempotencyKey,
      inputHash: hashOrder(order),
      result: { offerId: String(offerId) },
    },
  ]);
}

function hashOrder({ idempotencyKey: _key, ...order }: OfferOrder): string {
  return hashInput(order);
}
