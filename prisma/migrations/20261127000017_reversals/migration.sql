-- Reversals: gifts that are taken back, and coin purchases that a bank has taken the money back for.
-- Lock order: the migration `trust`. A viewer's COIN DEBT account belongs to whoever holds the viewer's WALLET, as the
-- spending_limit does: nobody ever waits for it, so its place among the ledger accounts does not matter.

-- A gift that was taken back, once. Written by whoever holds the sender's wallet, in the SQL transaction of the reversing transfers.
CREATE TABLE "gift_reversal" (
  "gift_sent_id" BIGINT NOT NULL,
  "reason" TEXT NOT NULL CHECK ("reason" ~ '^[A-Z_]{1,40}$'),
  -- What it was reversed for, in the table that the reason names: a coin_dispute for CHARGEBACK.
  "cause_id" BIGINT,
  "coins" BIGINT NOT NULL CHECK ("coins" BETWEEN 1 AND 9007199254740991),
  "diamonds" BIGINT NOT NULL CHECK ("diamonds" BETWEEN 0 AND 9007199254740991),
  -- Of these, what the creator had no longer.
  "diamonds_owed" BIGINT NOT NULL CHECK ("diamonds_owed" BETWEEN 0 AND "diamonds"),
  "at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "gift_reversal_pkey" PRIMARY KEY ("gift_sent_id")
);
CREATE FUNCTION gift_reversal_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM added r WHERE (SELECT true FROM gift_sent g WHERE g.id = r.gift_sent_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('gift_reversal', 'gift_reversal_gift_sent_id_fkey'); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "gift_reversal_references" AFTER INSERT ON "gift_reversal"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION gift_reversal_references();
CREATE TRIGGER "gift_reversal_immutable" BEFORE UPDATE OR DELETE ON "gift_reversal" FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Who has had every gift back still has a row, as gifts refer to it, and no place on the leaderboard.
ALTER TABLE "stream_gifter" DROP CONSTRAINT "stream_gifter_coins_check",
  ADD CONSTRAINT "stream_gifter_coins_check" CHECK ("coins" BETWEEN 0 AND 9007199254740991);

-- The transfers of a purchase that has succeeded, so that a reversal need not look for them.
ALTER TABLE "coin_purchase" ADD COLUMN "coin_transfer_id" BIGINT, ADD COLUMN "sale_transfer_id" BIGINT;
UPDATE "coin_purchase" p SET "coin_transfer_id" = c.id, "sale_transfer_id" = s.id
  FROM "transfer" c, "transfer" s
  WHERE c.kind = 'COIN_PURCHASE' AND c.cause_id = p.id AND s.kind = 'COIN_SALE' AND s.cause_id = p.id AND p.state = 'SUCCEEDED';

-- A coin purchase that a bank contests. Belongs to whoever holds the coin_purchase row.
--   OPEN: an inquiry, nothing is taken yet   REVERSING: coins are being taken, in as many SQL transactions as it needs
--   REVERSED: all are taken, or owed         WON: the bank has decided for us; what had been taken is given back
CREATE TABLE "coin_dispute" (
  "id" BIGSERIAL NOT NULL,
  "purchase_id" BIGINT NOT NULL,
  -- The provider's name for it.
  "provider_id" TEXT NOT NULL CHECK (char_length("provider_id") BETWEEN 1 AND 255),
  "reason" TEXT NOT NULL,
  "state" TEXT NOT NULL CHECK ("state" IN ('OPEN', 'REVERSING', 'REVERSED', 'WON')),
  -- Where the purchase's coins were found, and how many are still looked for.
  "coins_left" BIGINT NOT NULL CHECK ("coins_left" >= 0),
  "coins_unspent" BIGINT NOT NULL DEFAULT 0 CHECK ("coins_unspent" >= 0),
  "coins_gifted" BIGINT NOT NULL DEFAULT 0 CHECK ("coins_gifted" >= 0),
  "coins_owed" BIGINT NOT NULL DEFAULT 0 CHECK ("coins_owed" >= 0),
  "gifts_reversed" INTEGER NOT NULL DEFAULT 0 CHECK ("gifts_reversed" >= 0),
  -- The first of the transfers that took coins, and the one that took the money.
  "coin_transfer_id" BIGINT,
  "sale_transfer_id" BIGINT,
  "opened_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "reversed_at" TIMESTAMPTZ(3),
  -- When the bank decided: it was WON, or else lost.
  "decided_at" TIMESTAMPTZ(3),
  CONSTRAINT "coin_dispute_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "coin_dispute_reversed" CHECK ("state" <> 'REVERSED' OR ("coins_left" = 0 AND "reversed_at" IS NOT NULL)),
  CONSTRAINT "coin_dispute_purchase_id_fkey" FOREIGN KEY ("purchase_id")
    REFERENCES "coin_purchase"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "coin_dispute_provider_id_key" ON "coin_dispute"("provider_id");
CREATE INDEX "coin_dispute_purchase_id_idx" ON "coin_dispute"("purchase_id");
-- The coins of a purchase are taken back by one dispute at a time.
CREATE UNIQUE INDEX "coin_dispute_one_stands" ON "coin_dispute"("purchase_id") WHERE "state" <> 'WON';
CREATE INDEX "coin_dispute_reversing" ON "coin_dispute"("id") WHERE "state" = 'REVERSING';
