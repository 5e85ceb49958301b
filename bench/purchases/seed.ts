import type { Logger } from 'pino';
import { seedCatalogue } from '../../prisma/seed.ts';
import { rows } from '../../src/db/database.ts';
import { applyMigrations } from '../../src/db/migrations.ts';
import { asActor, openServices } from '../lib/services.ts';

/** How much of what a seeded shop has. */
export type ShopSize = {
  viewers: number;
  merchants: number;
  products: number;
  variantsPerProduct: number;
  /** Units of each variant. */
  stock: number;
  /** Units of the offer, which is of the first variant. */
  offerUnits: number;
};

/** What a seeded database holds. Viewers and their addresses are numbered from 1 on; the first viewer is the creator. */
export type SeededShop = ShopSize & { streamId: bigint; offerId: bigint; offerPriceMinor: number; variants: Variant[] };
export type Variant = { id: bigint; priceMinor: number };

const OFFER_PRICE_MINOR = 990;
const PRICES = { fromMinor: 1_000, spreadMinor: 9_000 };
/** Days that prices go back. */
const PRICE_HISTORY_DAYS = 60;

/** Brings an empty database to a live stream with an offer, shops with stock, and buyers with an address. */
export async function seedShop(databaseUrl: string, size: ShopSize, log: Logger): Promise<SeededShop> {
  await applyMigrations(databaseUrl);
  const services = openServices(databaseUrl, log);
  const { db, streams } = services;
  try {
    await seedCatalogue(db);
    await rows(db.pool, VIEWERS, [size.viewers]);
    for (const text of SHOP) {
      await rows(
        db.pool,
        text.replaceAll(/:(\w+)/g, (_all, name: keyof ShopSize) => String(size[name])),
      );
    }
    const [creator] = await db.prisma.viewer.findMany({ orderBy: { id: 'asc' }, take: 1 });
    const streamId = await streams.start(asActor(creator!), 'Flash sale');
    const variants = await rows<Variant>(
      db.pool,
      'SELECT id, price_minor::int AS "priceMinor" FROM product_variant ORDER BY id',
    );
    const [offer] = await rows<{ id: bigint }>(
      db.pool,
      `INSERT INTO offer (stream_id, variant_id, unit_price_minor, currency, quantity, per_buyer_limit, eligibility, ends_at)
         VALUES ($1, $2, $3, 'USD', $4, $4, 'EVERYONE', clock_timestamp() + interval '1 day') RETURNING id`,
      [streamId, variants[0]!.id, OFFER_PRICE_MINOR, size.offerUnits],
    );
    await db.pool.query('VACUUM ANALYZE');
    return { ...size, streamId, offerId: offer!.id, offerPriceMinor: OFFER_PRICE_MINOR, variants };
  } finally {
    await services.close();
  }
}

const VIEWERS = `WITH wallet AS (
     INSERT INTO ledger_account (owner_type, owner_id, unit, kind)
       SELECT 'VIEWER', nextval('viewer_id_seq'), 'COIN', 'WALLET' FROM generate_series(1, $1) RETURNING id, owner_id
   ), person AS (
     INSERT INTO viewer (id, subject, handle, display_name, wallet_id, birth_date)
       SELECT owner_id, 'bench:' || owner_id, 'viewer' || owner_id, 'Viewer ' || owner_id, id, '1990-01-01' FROM wallet RETURNING id
   ) INSERT INTO address (viewer_id, name, line1, city, country)
       SELECT id, 'Viewer ' || id, id || ' Al Wasl Road', 'Dubai', 'AE' FROM person ORDER BY id`;

/** `:name` is a number of the size. */
const SHOP = [
  `INSERT INTO merchant (handle, name, kind, verified)
     SELECT 'shop' || n, 'Shop number ' || n, 'BRAND', n % 2 = 0 FROM generate_series(1, :merchants) n`,
  `INSERT INTO warehouse (merchant_id, name, region, ships_abroad, promise_minutes)
     SELECT id, 'Main', 'AE', true, 2880 FROM merchant ORDER BY id`,
  `INSERT INTO product (merchant_id, kind, title, description, media_urls, status)
     SELECT (SELECT min(id) FROM merchant WHERE handle = 'shop1') + n % :merchants, 'PHYSICAL',
            CASE WHEN n % 2 = 0 THEN 'شمعة بالعود رقم ' ELSE 'Oud candle number ' END || n, repeat('Burns for forty hours. ', 5),
            ARRAY['https://media.example/' || n || '.jpg'], 'PUBLISHED' FROM generate_series(0, :products - 1) n`,
  `INSERT INTO item (id) SELECT nextval('item_id_seq') FROM generate_series(1, :products * :variantsPerProduct)`,
  `INSERT INTO product_variant (product_id, merchant_id, item_id, sku, title, price_minor, currency, position)
     SELECT p.id, p.merchant_id, i.id, 'SKU-' || i.id, 'Size ' || i.position, ${PRICES.fromMinor} + i.n * 7919 % ${PRICES.spreadMinor},
            'USD', i.position
       FROM (SELECT id, merchant_id, row_number() OVER (ORDER BY id) - 1 AS n FROM product) p
       JOIN (SELECT id, n, n / :variantsPerProduct AS product, n % :variantsPerProduct AS position
               FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM item) numbered) i ON i.product = p.n ORDER BY i.id`,
  `INSERT INTO price_change (variant_id, price_minor, currency, changed_at)
     SELECT id, price_minor + d, currency, clock_timestamp() - make_interval(days => d)
       FROM product_variant CROSS JOIN generate_series(10, ${PRICE_HISTORY_DAYS}, 10) d`,
  `INSERT INTO inventory (item_id, warehouse_id, on_hand)
     SELECT v.item_id, w.id, :stock FROM product_variant v JOIN warehouse w USING (merchant_id) ORDER BY v.item_id`,
  // The tables of the baselines.
  'CREATE TABLE bare_stock (variant_id bigint PRIMARY KEY, stock int NOT NULL, price_minor bigint NOT NULL) WITH (fillfactor = 50)',
  `CREATE TABLE bare_order (id bigserial PRIMARY KEY, variant_id bigint NOT NULL, buyer_id bigint NOT NULL, quantity int NOT NULL,
     amount_minor bigint NOT NULL, created_at timestamptz NOT NULL DEFAULT clock_timestamp())`,
  `CREATE TABLE bare_charge (id bigserial PRIMARY KEY, buyer_id bigint NOT NULL, amount_minor bigint NOT NULL,
     created_at timestamptz NOT NULL DEFAULT clock_timestamp())`,
  // Of the offer's variant, the baselines have as much as the offer.
  `INSERT INTO bare_stock SELECT id, CASE WHEN id = (SELECT min(id) FROM product_variant) THEN :offerUnits ELSE :stock END, price_minor
     FROM product_variant ORDER BY id`,
] as const;
