-- Shopping: addresses, followers, merchants and their catalogue, showcases and offers, orders with their payment, fulfilment, trends.
--
-- Lock order, for every writer; the first migration states its end, and this puts what is new before it:
--   1. checkout rows, by id
--   2. shop_order rows, by id; whoever holds one owns its lines, timeline, refunds, disputes, shipments and vouchers
--   3. offer rows, by id
--   4. inventory rows, by item_id, then warehouse_id
--   5. ledger_account rows, by id
--   6. live_log rows, by stream_id; a stream's showcase belongs to the holder, too

-- ---- what was there ----------------------------------------------------------------------------------------------------

ALTER TABLE "ledger_account" DROP CONSTRAINT "ledger_account_owner_type_check",
  ADD CONSTRAINT "ledger_account_owner_type_check" CHECK ("owner_type" IN ('VIEWER', 'CREATOR', 'MERCHANT', 'PLATFORM'));
-- An order's money is looked up by the order. Gifts, which are most of the transfers, stay out of the index.
CREATE INDEX "transfer_order" ON "transfer"("cause_id") WHERE "kind" LIKE 'ORDER%';
CREATE INDEX "transfer_refund" ON "transfer"("cause_id") WHERE "kind" = 'REFUND_PAID';
ALTER TABLE "sandbox_charge" DROP CONSTRAINT "sandbox_charge_status_check",
  ADD CONSTRAINT "sandbox_charge_status_check" CHECK ("status" IN ('SUCCEEDED', 'DECLINED', 'CANCELLED'));

CREATE TABLE "sandbox_refund" (
  "idempotency_key" TEXT NOT NULL,
  "charge_key" TEXT NOT NULL,
  "amount_minor" BIGINT NOT NULL CHECK ("amount_minor" > 0),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "sandbox_refund_pkey" PRIMARY KEY ("idempotency_key")
);
CREATE INDEX "sandbox_refund_charge_key_idx" ON "sandbox_refund"("charge_key");

-- The one PaymentIntent at Stripe that a key may charge; without one it never will. Whoever writes first decides.
CREATE TABLE "stripe_charge" (
  "idempotency_key" TEXT NOT NULL,
  "intent_id" TEXT,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "stripe_charge_pkey" PRIMARY KEY ("idempotency_key")
);
CREATE UNIQUE INDEX "stripe_charge_intent_id_key" ON "stripe_charge"("intent_id");

-- ---- accounts and creators ------------------------------------------------------------------------------------------

CREATE TABLE "address" (
  "id" BIGSERIAL NOT NULL,
  "viewer_id" BIGINT NOT NULL,
  "name" TEXT NOT NULL CHECK (char_length("name") BETWEEN 1 AND 100),
  "line1" TEXT NOT NULL CHECK (char_length("line1") BETWEEN 1 AND 200),
  "line2" TEXT CHECK (char_length("line2") BETWEEN 1 AND 200),
  "city" TEXT NOT NULL CHECK (char_length("city") BETWEEN 1 AND 100),
  "postal_code" TEXT CHECK (char_length("postal_code") BETWEEN 1 AND 20),
  "country" TEXT NOT NULL CHECK ("country" ~ '^[A-Z]{2}$'),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "removed_at" TIMESTAMPTZ(3),
  CONSTRAINT "address_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "address_viewer_id_fkey" FOREIGN KEY ("viewer_id")
    REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "address_viewer_id_id_idx" ON "address"("viewer_id", "id");

CREATE TABLE "follow" (
  "creator_id" BIGINT NOT NULL,
  "viewer_id" BIGINT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "follow_pkey" PRIMARY KEY ("creator_id","viewer_id"),
  CONSTRAINT "follow_creator_id_fkey" FOREIGN KEY ("creator_id")
    REFERENCES "creator"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "follow_viewer_id_fkey" FOREIGN KEY ("viewer_id")
    REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

-- ---- catalog --------------------------------------------------------------------------------------------------------

CREATE TABLE "merchant" (
  "id" BIGSERIAL NOT NULL,
  "handle" TEXT NOT NULL CHECK ("handle" ~ '^[a-z0-9][a-z0-9_.]{1,29}$'),
  "name" TEXT NOT NULL CHECK (char_length("name") BETWEEN 1 AND 100),
  "kind" TEXT NOT NULL CHECK ("kind" IN ('BRAND', 'RETAIL_PARTNER', 'PLATFORM')),
  "verified" BOOLEAN NOT NULL DEFAULT false,
  "webhook_secret" TEXT,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "merchant_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "merchant_handle_key" ON "merchant"("handle");
CREATE UNIQUE INDEX "merchant_one_platform" ON "merchant"("kind") WHERE "kind" = 'PLATFORM';

CREATE TABLE "merchant_member" (
  "merchant_id" BIGINT NOT NULL,
  "viewer_id" BIGINT NOT NULL,
  CONSTRAINT "merchant_member_pkey" PRIMARY KEY ("merchant_id","viewer_id"),
  CONSTRAINT "merchant_member_merchant_id_fkey" FOREIGN KEY ("merchant_id")
    REFERENCES "merchant"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "merchant_member_viewer_id_fkey" FOREIGN KEY ("viewer_id")
    REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "merchant_member_viewer_id_idx" ON "merchant_member"("viewer_id");

CREATE TABLE "item" (
  "id" BIGSERIAL NOT NULL,
  "gtin" TEXT CHECK ("gtin" ~ '^[0-9]{8,14}$'),
  CONSTRAINT "item_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "item_gtin_key" ON "item"("gtin");

CREATE TABLE "product" (
  "id" BIGSERIAL NOT NULL,
  "merchant_id" BIGINT NOT NULL,
  "kind" TEXT NOT NULL CHECK ("kind" IN ('PHYSICAL', 'FOOD', 'SERVICE', 'DIGITAL')),
  "title" TEXT NOT NULL CHECK (char_length("title") BETWEEN 1 AND 200),
  "description" TEXT NOT NULL DEFAULT '' CHECK (char_length("description") <= 5000),
  "media_urls" TEXT[] NOT NULL CHECK (cardinality("media_urls") <= 10),
  "status" TEXT NOT NULL DEFAULT 'DRAFT' CHECK ("status" IN ('DRAFT', 'PUBLISHED', 'ARCHIVED')),
  "source_id" BIGINT,
  "ref" TEXT CHECK (char_length("ref") BETWEEN 1 AND 64),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "product_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "product_merchant_id_fkey" FOREIGN KEY ("merchant_id")
    REFERENCES "merchant"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "product_source_id_fkey" FOREIGN KEY ("source_id")
    REFERENCES "product"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "product_source_id_key" ON "product"("source_id");
CREATE UNIQUE INDEX "product_merchant_id_ref_key" ON "product"("merchant_id", "ref");
CREATE INDEX "product_merchant_id_id_idx" ON "product"("merchant_id", "id");
-- Text as it is searched for and searched in. Postgres would take "Pro/Max", "2.0" and "a@b" for one word each, and most punctuation
-- beyond ASCII for letters. Arabic is written with and without its vowel signs, and with several forms of alef, yeh and teh.
CREATE FUNCTION search_fold("text" TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT translate(normalize("text", NFKC), U&'\0623\0625\0622\0671\0649\0629\002F\002E\0040\005F\002D\2019\2018\02BC\201C\201D\00AB\00BB\2013\2014\060C\061B\061F\00B7\2022\00D7\064B\064C\064D\064E\064F\0650\0651\0652\0670\0640',
    U&'\0627\0627\0627\0627\064A\0647\0020\0020\0020\0020\0020\0020\0020\0020\0020\0020\0020\0020\0020\0020\0020\0020\0020\0020\0020\0020')
$$;
-- What a search looks through, see product-lists.repo.ts. 'simple': titles are in any language.
CREATE INDEX "product_words" ON "product" USING gin (to_tsvector('simple', search_fold("title" || ' ' || "description")));
CREATE INDEX "product_published" ON "product"("id") WHERE "status" = 'PUBLISHED';

CREATE TABLE "product_variant" (
  "id" BIGSERIAL NOT NULL,
  "product_id" BIGINT NOT NULL,
  "merchant_id" BIGINT NOT NULL,
  "item_id" BIGINT NOT NULL,
  "sku" TEXT NOT NULL CHECK (char_length("sku") BETWEEN 1 AND 64),
  "title" TEXT NOT NULL CHECK (char_length("title") BETWEEN 1 AND 100),
  "price_minor" BIGINT NOT NULL CHECK ("price_minor" BETWEEN 1 AND 99999999999),
  "currency" TEXT NOT NULL CHECK ("currency" ~ '^[A-Z]{3}$'),
  "position" INTEGER NOT NULL DEFAULT 0,
  "active" BOOLEAN NOT NULL DEFAULT true,
  "download_url" TEXT,
  CONSTRAINT "product_variant_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "product_variant_product_id_fkey" FOREIGN KEY ("product_id")
    REFERENCES "product"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "product_variant_merchant_id_fkey" FOREIGN KEY ("merchant_id")
    REFERENCES "merchant"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "product_variant_item_id_fkey" FOREIGN KEY ("item_id")
    REFERENCES "item"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "product_variant_product_id_idx" ON "product_variant"("product_id");
CREATE INDEX "product_variant_item_id_idx" ON "product_variant"("item_id");
CREATE UNIQUE INDEX "product_variant_merchant_id_sku_key" ON "product_variant"("merchant_id", "sku");

CREATE TABLE "price_change" (
  "id" BIGSERIAL NOT NULL,
  "variant_id" BIGINT NOT NULL,
  "price_minor" BIGINT NOT NULL CHECK ("price_minor" BETWEEN 1 AND 9007199254740991),
  "currency" TEXT NOT NULL,
  "changed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "price_change_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "price_change_variant_id_fkey" FOREIGN KEY ("variant_id")
    REFERENCES "product_variant"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "price_change_variant_id_changed_at_idx" ON "price_change"("variant_id", "changed_at");

-- The price history writes itself: a discount is measured against it, so no writer may forget it.
CREATE FUNCTION note_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO price_change (variant_id, price_minor, currency) VALUES (NEW.id, NEW.price_minor, NEW.currency);
  RETURN NULL;
END $$;
CREATE TRIGGER "product_variant_price" AFTER INSERT ON "product_variant" FOR EACH ROW EXECUTE FUNCTION note_price();
CREATE TRIGGER "product_variant_new_price" AFTER UPDATE OF "price_minor", "currency" ON "product_variant" FOR EACH ROW
  WHEN (OLD.price_minor <> NEW.price_minor OR OLD.currency <> NEW.currency) EXECUTE FUNCTION note_price();
CREATE TRIGGER "price_change_immutable" BEFORE UPDATE OR DELETE ON "price_change" FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE "warehouse" (
  "id" BIGSERIAL NOT NULL,
  "merchant_id" BIGINT NOT NULL,
  "name" TEXT NOT NULL CHECK (char_length("name") BETWEEN 1 AND 100),
  "region" TEXT NOT NULL CHECK ("region" ~ '^[A-Z]{2}$'),
  "ships_abroad" BOOLEAN NOT NULL DEFAULT false,
  "promise_minutes" INTEGER NOT NULL CHECK ("promise_minutes" BETWEEN 1 AND 129600),
  CONSTRAINT "warehouse_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "warehouse_merchant_id_fkey" FOREIGN KEY ("merchant_id")
    REFERENCES "merchant"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "warehouse_merchant_id_name_key" ON "warehouse"("merchant_id", "name");

CREATE TABLE "inventory" (
  "item_id" BIGINT NOT NULL,
  "warehouse_id" BIGINT NOT NULL,
  "on_hand" INTEGER NOT NULL DEFAULT 0 CHECK ("on_hand" >= 0),
  "held" INTEGER NOT NULL DEFAULT 0 CHECK ("held" BETWEEN 0 AND "on_hand"),
  CONSTRAINT "inventory_pkey" PRIMARY KEY ("item_id","warehouse_id"),
  CONSTRAINT "inventory_item_id_fkey" FOREIGN KEY ("item_id")
    REFERENCES "item"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "inventory_warehouse_id_fkey" FOREIGN KEY ("warehouse_id")
    REFERENCES "warehouse"("id") ON DELETE RESTRICT ON UPDATE CASCADE
) WITH (fillfactor = 50);
CREATE INDEX "inventory_warehouse_id_idx" ON "inventory"("warehouse_id");

-- ---- offers ---------------------------------------------------------------------------------------------------------

CREATE TABLE "showcase_item" (
  "stream_id" BIGINT NOT NULL,
  "product_id" BIGINT NOT NULL,
  "added_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "pinned_at" TIMESTAMPTZ(3),
  "coins_seen" BIGINT NOT NULL DEFAULT 0 CHECK ("coins_seen" >= 0),
  CONSTRAINT "showcase_item_pkey" PRIMARY KEY ("stream_id","product_id"),
  CONSTRAINT "showcase_item_product_id_fkey" FOREIGN KEY ("product_id")
    REFERENCES "product"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "showcase_item_stream_id_fkey" FOREIGN KEY ("stream_id")
    REFERENCES "stream"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "showcase_item_one_pinned" ON "showcase_item"("stream_id") WHERE "pinned_at" IS NOT NULL;

CREATE TABLE "offer" (
  "id" BIGSERIAL NOT NULL,
  "stream_id" BIGINT NOT NULL,
  "variant_id" BIGINT NOT NULL,
  "unit_price_minor" BIGINT NOT NULL CHECK ("unit_price_minor" BETWEEN 1 AND 99999999999),
  "currency" TEXT NOT NULL,
  "quantity" INTEGER NOT NULL CHECK ("quantity" BETWEEN 1 AND 1000000),
  "held" INTEGER NOT NULL DEFAULT 0 CHECK ("held" >= 0),
  "sold" INTEGER NOT NULL DEFAULT 0 CHECK ("sold" >= 0 AND "sold" + "held" <= "quantity"),
  "per_buyer_limit" INTEGER NOT NULL CHECK ("per_buyer_limit" >= 1),
  "eligibility" TEXT NOT NULL CHECK ("eligibility" IN ('EVERYONE', 'FOLLOWERS', 'GIFTERS')),
  "starts_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "ends_at" TIMESTAMPTZ(3) NOT NULL CHECK ("ends_at" > "starts_at"),
  "ended_at" TIMESTAMPTZ(3),
  "end_reason" TEXT CHECK ("end_reason" IN ('SOLD_OUT', 'EXPIRED', 'ENDED') AND ("end_reason" IS NULL) = ("ended_at" IS NULL)),
  CONSTRAINT "offer_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "offer_stream_id_fkey" FOREIGN KEY ("stream_id")
    REFERENCES "stream"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "offer_variant_id_fkey" FOREIGN KEY ("variant_id")
    REFERENCES "product_variant"("id") ON DELETE RESTRICT ON UPDATE CASCADE
) WITH (fillfactor = 50);
CREATE INDEX "offer_stream_id_id_idx" ON "offer"("stream_id", "id");
CREATE INDEX "offer_variant_id_starts_at_idx" ON "offer"("variant_id", "starts_at");
CREATE UNIQUE INDEX "offer_one_live_per_variant" ON "offer"("stream_id", "variant_id") WHERE "ended_at" IS NULL;
CREATE INDEX "offer_open" ON "offer"("ends_at") WHERE "ended_at" IS NULL;

-- ---- orders ---------------------------------------------------------------------------------------------------------

CREATE TABLE "checkout" (
  "id" BIGSERIAL NOT NULL,
  "buyer_id" BIGINT NOT NULL,
  "idempotency_key" TEXT CHECK (char_length("idempotency_key") BETWEEN 1 AND 64),
  "input_hash" TEXT NOT NULL,
  "state" TEXT NOT NULL DEFAULT 'HELD' CHECK ("state" IN ('HELD', 'PAID', 'DECLINED', 'EXPIRED')),
  "amount_minor" BIGINT NOT NULL CHECK ("amount_minor" BETWEEN 1 AND 9007199254740991),
  "currency" TEXT NOT NULL CHECK ("currency" ~ '^[A-Z]{3}$'),
  "payment_token" TEXT NOT NULL CHECK (char_length("payment_token") BETWEEN 1 AND 200),
  "charge_id" TEXT,
  "show_buyer" BOOLEAN NOT NULL DEFAULT false,
  "held_until" TIMESTAMPTZ(3) NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "settled_at" TIMESTAMPTZ(3),
  CONSTRAINT "checkout_pkey" PRIMARY KEY ("id")
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX "checkout_buyer_id_idempotency_key_key" ON "checkout"("buyer_id", "idempotency_key");
CREATE INDEX "checkout_held" ON "checkout"("held_until") WHERE "state" = 'HELD';

CREATE TABLE "shop_order" (
  "id" BIGSERIAL NOT NULL,
  "number" TEXT NOT NULL,
  "checkout_id" BIGINT NOT NULL,
  "buyer_id" BIGINT NOT NULL,
  "merchant_id" BIGINT NOT NULL,
  "stream_id" BIGINT,
  "state" TEXT NOT NULL DEFAULT 'PENDING_PAYMENT' CHECK ("state" IN (
    'PENDING_PAYMENT', 'PAID', 'PREPARING', 'SHIPPED', 'DELIVERED', 'COMPLETED', 'CANCELLED', 'REFUND_REQUESTED', 'REFUNDED'
  )),
  "currency" TEXT NOT NULL,
  "total_minor" BIGINT NOT NULL CHECK ("total_minor" BETWEEN 1 AND 9007199254740991),
  "refunded_minor" BIGINT NOT NULL DEFAULT 0 CHECK ("refunded_minor" BETWEEN 0 AND "total_minor"),
  "address" JSONB,
  "version" BIGINT NOT NULL DEFAULT 1,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "release_at" TIMESTAMPTZ(3),
  CONSTRAINT "shop_order_pkey" PRIMARY KEY ("id")
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "shop_order_number_key" ON "shop_order"("number");
CREATE INDEX "shop_order_buyer_id_id_idx" ON "shop_order"("buyer_id", "id");
CREATE INDEX "shop_order_merchant_id_id_idx" ON "shop_order"("merchant_id", "id");
CREATE INDEX "shop_order_checkout_id_idx" ON "shop_order"("checkout_id");
CREATE INDEX "shop_order_release" ON "shop_order"("release_at") WHERE "state" = 'DELIVERED';

CREATE TABLE "order_line" (
  "id" BIGSERIAL NOT NULL,
  "order_id" BIGINT NOT NULL,
  "buyer_id" BIGINT NOT NULL,
  "variant_id" BIGINT NOT NULL,
  "product_id" BIGINT NOT NULL,
  "item_id" BIGINT NOT NULL,
  "warehouse_id" BIGINT NOT NULL,
  "offer_id" BIGINT,
  "kind" TEXT NOT NULL,
  "quantity" INTEGER NOT NULL CHECK ("quantity" BETWEEN 1 AND 1000000),
  "unit_price_minor" BIGINT NOT NULL CHECK ("unit_price_minor" BETWEEN 1 AND 9007199254740991),
  "refunded_quantity" INTEGER NOT NULL DEFAULT 0 CHECK ("refunded_quantity" BETWEEN 0 AND "quantity"),
  "returned_quantity" INTEGER NOT NULL DEFAULT 0 CHECK ("returned_quantity" BETWEEN 0 AND "refunded_quantity"),
  "delivered_at" TIMESTAMPTZ(3),
  CONSTRAINT "order_line_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "order_line_order_id_idx" ON "order_line"("order_id");
CREATE INDEX "order_line_offer" ON "order_line"("offer_id", "buyer_id") WHERE "offer_id" IS NOT NULL;

CREATE TABLE "order_event" (
  "order_id" BIGINT NOT NULL,
  "version" BIGINT NOT NULL,
  "state" TEXT NOT NULL,
  "actor" TEXT NOT NULL CHECK ("actor" IN ('BUYER', 'MERCHANT', 'PROVIDER', 'PARTNER', 'SYSTEM')),
  "note" TEXT,
  "at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "order_event_pkey" PRIMARY KEY ("order_id","version")
);
CREATE TRIGGER "order_event_immutable" BEFORE UPDATE OR DELETE ON "order_event" FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE "refund" (
  "id" BIGSERIAL NOT NULL,
  "order_id" BIGINT NOT NULL,
  "state" TEXT NOT NULL CHECK ("state" IN ('REQUESTED', 'REJECTED', 'PENDING', 'SUCCEEDED')),
  "amount_minor" BIGINT NOT NULL CHECK ("amount_minor" BETWEEN 1 AND 9007199254740991),
  "currency" TEXT NOT NULL,
  "reason" TEXT NOT NULL CHECK (char_length("reason") BETWEEN 1 AND 500),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "settled_at" TIMESTAMPTZ(3),
  CONSTRAINT "refund_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "refund_order_id_fkey" FOREIGN KEY ("order_id")
    REFERENCES "shop_order"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "refund_order_id_idx" ON "refund"("order_id");
CREATE INDEX "refund_pending" ON "refund"("id") WHERE "state" = 'PENDING';

CREATE TABLE "refund_line" (
  "refund_id" BIGINT NOT NULL,
  "line_id" BIGINT NOT NULL,
  "quantity" INTEGER NOT NULL CHECK ("quantity" >= 1),
  "restock" INTEGER NOT NULL DEFAULT 0 CHECK ("restock" BETWEEN 0 AND "quantity"),
  CONSTRAINT "refund_line_pkey" PRIMARY KEY ("refund_id","line_id"),
  CONSTRAINT "refund_line_refund_id_fkey" FOREIGN KEY ("refund_id")
    REFERENCES "refund"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "refund_line_line_id_fkey" FOREIGN KEY ("line_id")
    REFERENCES "order_line"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

CREATE TABLE "dispute" (
  "id" BIGSERIAL NOT NULL,
  "order_id" BIGINT NOT NULL,
  "kind" TEXT NOT NULL CHECK ("kind" IN ('BUYER', 'PROVIDER')),
  "state" TEXT NOT NULL DEFAULT 'OPEN' CHECK ("state" IN ('OPEN', 'REJECTED', 'REFUNDED')),
  "reason" TEXT NOT NULL CHECK (char_length("reason") BETWEEN 1 AND 500),
  "provider_id" TEXT,
  "opened_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "closed_at" TIMESTAMPTZ(3),
  CONSTRAINT "dispute_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "dispute_order_id_fkey" FOREIGN KEY ("order_id")
    REFERENCES "shop_order"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "dispute_provider_id_key" ON "dispute"("provider_id");
CREATE INDEX "dispute_order_id_idx" ON "dispute"("order_id");
CREATE UNIQUE INDEX "dispute_one_open" ON "dispute"("order_id", "kind") WHERE "state" = 'OPEN';

-- ---- fulfilment -----------------------------------------------------------------------------------------------------

CREATE TABLE "shipment" (
  "id" BIGSERIAL NOT NULL,
  "order_id" BIGINT NOT NULL,
  "warehouse_id" BIGINT NOT NULL,
  "method" TEXT NOT NULL CHECK ("method" IN ('PARCEL', 'COURIER')),
  "by_partner" BOOLEAN NOT NULL,
  "state" TEXT NOT NULL DEFAULT 'PENDING' CHECK ("state" IN ('PENDING', 'PREPARING', 'SHIPPED', 'DELIVERED', 'CANCELLED')),
  "carrier" TEXT,
  "tracking_number" TEXT,
  "partner_id" TEXT,
  "eta_at" TIMESTAMPTZ(3),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "shipment_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "shipment_warehouse_id_fkey" FOREIGN KEY ("warehouse_id")
    REFERENCES "warehouse"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "shipment_order_id_warehouse_id_method_key" ON "shipment"("order_id", "warehouse_id", "method");
CREATE INDEX "shipment_warehouse_id_id_idx" ON "shipment"("warehouse_id", "id");
CREATE INDEX "shipment_by_partner" ON "shipment"("id") WHERE "by_partner" AND "state" NOT IN ('DELIVERED', 'CANCELLED');

CREATE TABLE "tracking_event" (
  "id" BIGSERIAL NOT NULL,
  "shipment_id" BIGINT NOT NULL,
  "status" TEXT NOT NULL,
  "note" TEXT,
  "eta_at" TIMESTAMPTZ(3),
  "occurred_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "tracking_event_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "tracking_event_shipment_id_fkey" FOREIGN KEY ("shipment_id")
    REFERENCES "shipment"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "tracking_event_shipment_id_id_idx" ON "tracking_event"("shipment_id", "id");

CREATE TABLE "voucher" (
  "id" BIGSERIAL NOT NULL,
  "line_id" BIGINT NOT NULL,
  "code_hash" TEXT NOT NULL,
  "state" TEXT NOT NULL DEFAULT 'ISSUED' CHECK ("state" IN ('ISSUED', 'VERIFIED', 'CANCELLED') AND ("state" = 'VERIFIED') = ("verified_at" IS NOT NULL)),
  "verified_at" TIMESTAMPTZ(3),
  "verify_key" TEXT,
  CONSTRAINT "voucher_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "voucher_line_id_fkey" FOREIGN KEY ("line_id")
    REFERENCES "order_line"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "voucher_code_hash_key" ON "voucher"("code_hash");
CREATE INDEX "voucher_line_id_idx" ON "voucher"("line_id");

CREATE TABLE "webhook_event" (
  "source" TEXT NOT NULL,
  "id" TEXT NOT NULL,
  "type" TEXT NOT NULL,
  "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "webhook_event_pkey" PRIMARY KEY ("source","id")
);

-- ---- references of what every purchase writes ------------------------------------------------------------------------------

-- As of the tables that gifts fill (migration gift_speed, which says why this is sound): a statement's rows are checked together, by
-- index whatever the tables looked like when the plan was made. A foreign key plans its look-up once a connection: on tables that
-- were empty then, it would read all of them for each row.

CREATE FUNCTION checkout_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT buyer_id AS id FROM added) t WHERE (SELECT true FROM viewer p WHERE p.id = t.id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('checkout', 'checkout_buyer_id_fkey'); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "checkout_references" AFTER INSERT ON "checkout"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION checkout_references();
CREATE TRIGGER "checkout_stays_with" BEFORE UPDATE OF "buyer_id" ON "checkout"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('checkout_buyer_id_fkey');

CREATE FUNCTION shop_order_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT checkout_id AS id FROM added) t WHERE (SELECT true FROM checkout p WHERE p.id = t.id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('shop_order', 'shop_order_checkout_id_fkey'); END IF;
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT buyer_id AS id FROM added) t WHERE (SELECT true FROM viewer p WHERE p.id = t.id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('shop_order', 'shop_order_buyer_id_fkey'); END IF;
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT merchant_id AS id FROM added) t WHERE (SELECT true FROM merchant p WHERE p.id = t.id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('shop_order', 'shop_order_merchant_id_fkey'); END IF;
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT stream_id AS id FROM added WHERE stream_id IS NOT NULL) t WHERE (SELECT true FROM stream p WHERE p.id = t.id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('shop_order', 'shop_order_stream_id_fkey'); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "shop_order_references" AFTER INSERT ON "shop_order"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION shop_order_references();
CREATE TRIGGER "shop_order_stays_with" BEFORE UPDATE OF "checkout_id", "buyer_id", "merchant_id", "stream_id" ON "shop_order"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('shop_order_checkout_id_fkey');

CREATE FUNCTION order_line_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT order_id AS id FROM added) t WHERE (SELECT true FROM shop_order p WHERE p.id = t.id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('order_line', 'order_line_order_id_fkey'); END IF;
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT variant_id AS id FROM added) t WHERE (SELECT true FROM product_variant p WHERE p.id = t.id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('order_line', 'order_line_variant_id_fkey'); END IF;
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT offer_id AS id FROM added WHERE offer_id IS NOT NULL) t WHERE (SELECT true FROM offer p WHERE p.id = t.id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('order_line', 'order_line_offer_id_fkey'); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "order_line_references" AFTER INSERT ON "order_line"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION order_line_references();
CREATE TRIGGER "order_line_stays_with" BEFORE UPDATE OF "order_id", "variant_id", "offer_id" ON "order_line"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('order_line_order_id_fkey');

CREATE FUNCTION order_event_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT order_id AS id FROM added) t WHERE (SELECT true FROM shop_order p WHERE p.id = t.id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('order_event', 'order_event_order_id_fkey'); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "order_event_references" AFTER INSERT ON "order_event"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION order_event_references();

CREATE FUNCTION shipment_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT order_id AS id FROM added) t WHERE (SELECT true FROM shop_order p WHERE p.id = t.id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('shipment', 'shipment_order_id_fkey'); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "shipment_references" AFTER INSERT ON "shipment"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION shipment_references();
CREATE TRIGGER "shipment_stays_with" BEFORE UPDATE OF "order_id" ON "shipment"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('shipment_order_id_fkey');

CREATE TRIGGER "checkout_stays" BEFORE DELETE OR TRUNCATE OR UPDATE OF "id" ON "checkout"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('shop_order_checkout_id_fkey');
CREATE TRIGGER "shop_order_stays" BEFORE DELETE OR TRUNCATE OR UPDATE OF "id" ON "shop_order"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('order_line_order_id_fkey');
CREATE TRIGGER "merchant_stays" BEFORE DELETE OR TRUNCATE OR UPDATE OF "id" ON "merchant"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('shop_order_merchant_id_fkey');
CREATE TRIGGER "product_variant_stays" BEFORE DELETE OR TRUNCATE OR UPDATE OF "id" ON "product_variant"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('order_line_variant_id_fkey');
CREATE TRIGGER "offer_stays" BEFORE DELETE OR TRUNCATE OR UPDATE OF "id" ON "offer"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('order_line_offer_id_fkey');

-- ---- trends ---------------------------------------------------------------------------------------------------------

CREATE TABLE "trend_signal" (
  "id" BIGSERIAL NOT NULL,
  "product_id" BIGINT NOT NULL,
  "region" TEXT NOT NULL CHECK ("region" ~ '^([A-Z]{2})?$'),
  "kind" TEXT NOT NULL CHECK ("kind" IN ('VIEW', 'PIN', 'PURCHASE', 'GIFT')),
  "amount" BIGINT NOT NULL CHECK ("amount" >= 1),
  "occurred_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "trend_signal_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "product_trend" (
  "region" TEXT NOT NULL,
  "product_id" BIGINT NOT NULL,
  "log_score" DOUBLE PRECISION NOT NULL,
  CONSTRAINT "product_trend_pkey" PRIMARY KEY ("region","product_id")
) WITH (fillfactor = 70);
CREATE INDEX "product_trend_region_log_score_idx" ON "product_trend"("region", "log_score" DESC);
