import type { Queryable } from '../../db/database.ts';
import DataLoader from '../../db/loader.ts';
import { onPrimary } from '../../db/replica.ts';
import { assert } from '../../kernel/assert.ts';
import { Lru } from '../../kernel/lru.ts';
import type { OfferView, TrustView } from './offers.events.ts';
import { OFFER_SECONDS_MAX } from './offers.limits.ts';
import {
  PRICE_WINDOW_DAYS,
  readSellers,
  readSubjects,
  type SellerRow,
  type SubjectRow,
  type TrustSubject,
} from './trust.repo.ts';

/** Orders below which there is no dispute rate: a single dispute would brand a newcomer. */
export const DISPUTE_ORDERS_MIN = 20;
/** How long, and of how many merchants, a dispute rate is kept: it takes reading their orders, and changes slowly. */
const SELLER_KEPT_MS = 60_000;
const SELLERS_KEPT_MAX = 10_000;
/** Cards that one statement reads. */
const CARDS_PER_READ_MAX = 100;
const MINUTES_PER_DAY = 1_440;
const MS_PER_DAY = 86_400_000;

/** What buyers can know of who sells. Cards asked for at once are read together, in two statements. */
export class TrustCards {
  readonly #loader: DataLoader<TrustSubject, TrustView>;
  readonly #sellers = new Lru<{ seller: SellerRow; until: number }>(SELLERS_KEPT_MAX);

  constructor(pool: Queryable) {
    this.#loader = new DataLoader((subjects) => this.read(pool, subjects), {
      cache: false,
      maxBatchSize: CARDS_PER_READ_MAX,
    });
  }

  /** The card of an offer: its prices are those before it began. */
  ofOffer({ productId, variantId, startsAt }: OfferView): Promise<TrustView> {
    const before = new Date(startsAt);
    return this.#loader.load({ productId: BigInt(productId), variantId: BigInt(variantId), before });
  }

  /** The card of a product: that of all its active variants, before now. */
  ofProduct(productId: bigint): Promise<TrustView> {
    return this.#loader.load({ productId, variantId: null, before: null });
  }

  /** Reads cards, all of products that there are, in the order of the subjects. */
  async read(sql: Queryable, subjects: readonly TrustSubject[]): Promise<TrustView[]> {
    const found = await readSubjects(sql, subjects, OFFER_SECONDS_MAX);
    const sellers = await this.#readSellers(
      sql,
      found.flatMap((row) => row?.merchantId ?? []),
    );
    return subjects.map(({ before }, index) => {
      const row = found[index];
      assert(row, 'a trust card is of a product that exists');
      return toCard(row, sellers.get(row.merchantId)!, before ?? new Date());
    });
  }

  async #readSellers(sql: Queryable, merchantIds: readonly bigint[]): Promise<Map<bigint, SellerRow>> {
    const now = Date.now();
    const sellers = new Map<bigint, SellerRow>();
    const unknown = [...new Set(merchantIds)].filter((id) => {
      const kept = this.#sellers.get(String(id));
      if (!kept || kept.until <= now) return true;
      sellers.set(id, kept.seller);
      return false;
    });
    if (unknown.length === 0) return sellers;
    // From the primary, whoever asks: others get them, too.
    for (const seller of await onPrimary(() => readSellers(sql, unknown))) {
      sellers.set(seller.merchantId, seller);
      this.#sellers.set(String(seller.merchantId), { seller, until: now + SELLER_KEPT_MS }, 1);
    }
    return sellers;
  }
}

function toCard(row: SubjectRow, { orders, disputed }: SellerRow, before: Date): TrustView {
  const isSent = row.kind === 'PHYSICAL' || row.kind === 'FOOD';
  const historyMs = row.since === null ? 0 : Math.max(0, before.getTime() - row.since.getTime());
  return {
    sellerVerified: row.sellerVerified,
    disputeRate: orders < DISPUTE_ORDERS_MIN ? null : disputed / orders,
    deliveryPromiseDays: isSent && row.promiseMinutes !== null ? Math.ceil(row.promiseMinutes / MINUTES_PER_DAY) : null,
    escrow: true, // Every order's money waits in escrow, whoever sells.
    lowestPriceLast30DaysMinor: row.lowestMinor === null ? null : Number(row.lowestMinor),
    priceHistoryDays: Math.min(PRICE_WINDOW_DAYS, Math.floor(historyMs / MS_PER_DAY)),
    currency: row.currency ?? '',
  };
}
