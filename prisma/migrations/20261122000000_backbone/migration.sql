-- Backbone: accounts, creators, ledger, payments, streams with their log, gifts.
--
-- Lock order, for every writer (the only place where it is stated):
--   1. ledger_account rows, by id
--   2. live_log rows, by stream_id; from then on everything that belongs to the stream
--      (stream, stream_gifter, gift_streak, live_event) is the holder's alone.

-- ---- wallet: the ledger ------------------------------------------------------------------------------------------------

CREATE TABLE "ledger_account" (
  "id" BIGSERIAL NOT NULL,
  "owner_type" TEXT NOT NULL CHECK ("owner_type" IN ('VIEWER', 'CREATOR', 'PLATFORM')),
  "owner_id" BIGINT NOT NULL,
  "unit" TEXT NOT NULL CHECK ("unit" IN ('COIN', 'DIAMOND') OR "unit" ~ '^[A-Z]{3}$'),
  "kind" TEXT NOT NULL,
  "balance" BIGINT NOT NULL DEFAULT 0,
  "version" BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT "ledger_account_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "ledger_account_balance_check" CHECK (
    ("balance" >= 0 OR "kind" IN ('ISSUANCE', 'CLEARING'))
    AND "balance" BETWEEN -9007199254740991 AND 9007199254740991
  )
) WITH (fillfactor = 60);
CREATE UNIQUE INDEX "ledger_account_owner_type_owner_id_unit_kind_key" ON "ledger_account"("owner_type", "owner_id", "unit", "kind");
CREATE UNIQUE INDEX "ledger_account_id_unit_key" ON "ledger_account"("id", "unit");

CREATE TABLE "transfer" (
  "id" BIGSERIAL NOT NULL,
  "debit_account_id" BIGINT NOT NULL,
  "credit_account_id" BIGINT NOT NULL CHECK ("credit_account_id" <> "debit_account_id"),
  "unit" TEXT NOT NULL,
  "amount" BIGINT NOT NULL CHECK ("amount" BETWEEN 1 AND 9007199254740991),
  "kind" TEXT NOT NULL,
  "cause_id" BIGINT NOT NULL,
  "reverses" BIGINT,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "transfer_pkey" PRIMARY KEY ("id"),
  -- The unit is part of the reference: no transfer can mix units.
  CONSTRAINT "transfer_debit_account_id_unit_fkey" FOREIGN KEY ("debit_account_id", "unit")
    REFERENCES "ledger_account"("id", "unit") ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT "transfer_credit_account_id_unit_fkey" FOREIGN KEY ("credit_account_id", "unit")
    REFERENCES "ledger_account"("id", "unit") ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT "transfer_reverses_fkey" FOREIGN KEY ("reverses") REFERENCES "transfer"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "transfer_reverses_once" ON "transfer"("reverses") WHERE "reverses" IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% rows are immutable: write a reversing row instead', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER "transfer_immutable" BEFORE UPDATE OR DELETE ON "transfer" FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER "transfer_no_truncate" BEFORE TRUNCATE ON "transfer" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- wallet_move: the only code that writes the ledger. Writes transfers (one an array position) and moves the balances, all or
-- nothing. A balance that would break its CHECK raises ledger_account_balance_check. The caller holds the accounts' locks:
-- only functions that lock in the schema's order call it (wallet_post, gifts_send_batch).
CREATE FUNCTION wallet_move(
  p_debit bigint[], p_credit bigint[], p_unit text[], p_amount bigint[], p_kind text[], p_cause bigint[], p_at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO transfer (debit_account_id, credit_account_id, unit, amount, kind, cause_id, created_at)
    SELECT t.*, p_at FROM unnest(p_debit, p_credit, p_unit, p_amount, p_kind, p_cause) t;
  UPDATE ledger_account a SET balance = a.balance + moved.amount, version = a.version + 1
    FROM (
      SELECT id, sum(amount)::bigint AS amount FROM (
        SELECT * FROM unnest(p_credit, p_amount) c(id, amount)
        UNION ALL
        SELECT id, -amount FROM unnest(p_debit, p_amount) d(id, amount)
      ) leg GROUP BY id
    ) moved
    WHERE a.id = moved.id;
END $$;

-- wallet_post: locks the accounts in the schema's order, then moves.
CREATE FUNCTION wallet_post(
  p_debit bigint[], p_credit bigint[], p_unit text[], p_amount bigint[], p_kind text[], p_cause bigint[], p_at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM (SELECT id FROM ledger_account WHERE id = ANY(p_debit || p_credit) ORDER BY id FOR NO KEY UPDATE) locked;
  PERFORM wallet_move(p_debit, p_credit, p_unit, p_amount, p_kind, p_cause, p_at);
END $$;

-- ---- accounts ----------------------------------------------------------------------------------------------------------

CREATE TABLE "viewer" (
  "id" BIGSERIAL NOT NULL,
  "subject" TEXT NOT NULL,
  "handle" TEXT NOT NULL CHECK ("handle" ~ '^[a-z0-9][a-z0-9_.]{1,29}$'),
  "display_name" TEXT NOT NULL CHECK (char_length("display_name") BETWEEN 1 AND 50),
  "wallet_id" BIGINT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "viewer_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "viewer_wallet_id_fkey" FOREIGN KEY ("wallet_id") REFERENCES "ledger_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "viewer_subject_key" ON "viewer"("subject");
CREATE UNIQUE INDEX "viewer_handle_key" ON "viewer"("handle");
CREATE UNIQUE INDEX "viewer_wallet_id_key" ON "viewer"("wallet_id");

CREATE TABLE "idempotency_key" (
  "actor_id" BIGINT NOT NULL,
  "operation" TEXT NOT NULL,
  "key" TEXT NOT NULL CHECK (char_length("key") BETWEEN 1 AND 64),
  "input_hash" TEXT NOT NULL,
  "result" JSONB,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "idempotency_key_pkey" PRIMARY KEY ("actor_id", "operation", "key"),
  CONSTRAINT "idempotency_key_actor_id_fkey" FOREIGN KEY ("actor_id") REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

-- ---- creators ----------------------------------------------------------------------------------------------------------

CREATE TABLE "creator" (
  "id" BIGSERIAL NOT NULL,
  "viewer_id" BIGINT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "creator_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "creator_viewer_id_fkey" FOREIGN KEY ("viewer_id") REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "creator_viewer_id_key" ON "creator"("viewer_id");

-- ---- payments ----------------------------------------------------------------------------------------------------------

CREATE TABLE "coin_pack" (
  "id" BIGSERIAL NOT NULL,
  "coins" BIGINT NOT NULL CHECK ("coins" BETWEEN 1 AND 9007199254740991),
  "price_minor" BIGINT NOT NULL CHECK ("price_minor" BETWEEN 1 AND 9007199254740991),
  "currency" TEXT NOT NULL CHECK ("currency" ~ '^[A-Z]{3}$'),
  "active" BOOLEAN NOT NULL DEFAULT true,
  CONSTRAINT "coin_pack_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "coin_pack_coins_key" ON "coin_pack"("coins");

CREATE TABLE "coin_purchase" (
  "id" BIGSERIAL NOT NULL,
  "viewer_id" BIGINT NOT NULL,
  "pack_id" BIGINT NOT NULL,
  "coins" BIGINT NOT NULL CHECK ("coins" BETWEEN 1 AND 9007199254740991),
  "price_minor" BIGINT NOT NULL CHECK ("price_minor" BETWEEN 1 AND 9007199254740991),
  "currency" TEXT NOT NULL,
  "payment_token" TEXT NOT NULL CHECK (char_length("payment_token") BETWEEN 1 AND 200),
  "state" TEXT NOT NULL DEFAULT 'PENDING' CHECK ("state" IN ('PENDING', 'SUCCEEDED', 'DECLINED')),
  "idempotency_key" TEXT CHECK (char_length("idempotency_key") BETWEEN 1 AND 64),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "coin_purchase_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "coin_purchase_viewer_id_fkey" FOREIGN KEY ("viewer_id") REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "coin_purchase_pack_id_fkey" FOREIGN KEY ("pack_id") REFERENCES "coin_pack"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "coin_purchase_viewer_id_idempotency_key_key" ON "coin_purchase"("viewer_id", "idempotency_key");
CREATE INDEX "coin_purchase_state_created_at_idx" ON "coin_purchase"("state", "created_at");

CREATE TABLE "sandbox_charge" (
  "idempotency_key" TEXT NOT NULL,
  "token" TEXT NOT NULL,
  "amount_minor" BIGINT NOT NULL CHECK ("amount_minor" > 0),
  "currency" TEXT NOT NULL,
  "status" TEXT NOT NULL CHECK ("status" IN ('SUCCEEDED', 'DECLINED')),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "sandbox_charge_pkey" PRIMARY KEY ("idempotency_key")
);

-- ---- streams and their log ---------------------------------------------------------------------------------------------

CREATE TABLE "rate_card" (
  "id" BIGSERIAL NOT NULL,
  "coins" INTEGER NOT NULL CHECK ("coins" BETWEEN 1 AND 1000000),
  "diamonds" INTEGER NOT NULL CHECK ("diamonds" BETWEEN 0 AND 1000000),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "rate_card_pkey" PRIMARY KEY ("id")
);
CREATE TRIGGER "rate_card_immutable" BEFORE UPDATE OR DELETE ON "rate_card" FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE "stream" (
  "id" BIGSERIAL NOT NULL,
  "creator_id" BIGINT NOT NULL,
  "title" TEXT NOT NULL CHECK (char_length("title") BETWEEN 1 AND 140),
  "status" TEXT NOT NULL CHECK ("status" IN ('SCHEDULED', 'LIVE', 'ENDED')),
  "rate_card_id" BIGINT NOT NULL,
  -- Copied from the rate card and the creator when the stream starts, so that a gift needs no more look-ups.
  "rate_coins" INTEGER NOT NULL CHECK ("rate_coins" > 0),
  "rate_diamonds" INTEGER NOT NULL CHECK ("rate_diamonds" >= 0),
  "gifts_account_id" BIGINT NOT NULL,
  "issuance_account_id" BIGINT NOT NULL,
  "pending_account_id" BIGINT NOT NULL,
  "gift_coins" BIGINT NOT NULL DEFAULT 0 CHECK ("gift_coins" BETWEEN 0 AND 9007199254740991),
  "started_at" TIMESTAMPTZ(3),
  "ended_at" TIMESTAMPTZ(3),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "stream_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "stream_creator_id_fkey" FOREIGN KEY ("creator_id") REFERENCES "creator"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "stream_rate_card_id_fkey" FOREIGN KEY ("rate_card_id") REFERENCES "rate_card"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "stream_gifts_account_id_fkey" FOREIGN KEY ("gifts_account_id") REFERENCES "ledger_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "stream_issuance_account_id_fkey" FOREIGN KEY ("issuance_account_id") REFERENCES "ledger_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "stream_pending_account_id_fkey" FOREIGN KEY ("pending_account_id") REFERENCES "ledger_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE
) WITH (fillfactor = 50);
CREATE INDEX "stream_status_id_idx" ON "stream"("status", "id");
CREATE INDEX "stream_creator_id_id_idx" ON "stream"("creator_id", "id");
CREATE UNIQUE INDEX "stream_one_live_per_creator" ON "stream"("creator_id") WHERE "status" = 'LIVE';

CREATE TABLE "stream_likes" (
  "stream_id" BIGINT NOT NULL,
  "likes" BIGINT NOT NULL DEFAULT 0 CHECK ("likes" BETWEEN 0 AND 9007199254740991),
  CONSTRAINT "stream_likes_pkey" PRIMARY KEY ("stream_id"),
  CONSTRAINT "stream_likes_stream_id_fkey" FOREIGN KEY ("stream_id") REFERENCES "stream"("id") ON DELETE RESTRICT ON UPDATE CASCADE
) WITH (fillfactor = 50);

CREATE TABLE "live_log" (
  "stream_id" BIGINT NOT NULL,
  "epoch" TEXT NOT NULL CHECK ("epoch" ~ '^[0-9a-f]{8}$'),
  "last_seq" BIGINT NOT NULL DEFAULT 0 CHECK ("last_seq" >= 0),
  CONSTRAINT "live_log_pkey" PRIMARY KEY ("stream_id"),
  CONSTRAINT "live_log_stream_id_fkey" FOREIGN KEY ("stream_id") REFERENCES "stream"("id") ON DELETE RESTRICT ON UPDATE CASCADE
) WITH (fillfactor = 30);

CREATE TABLE "live_event" (
  "stream_id" BIGINT NOT NULL,
  "seq" BIGINT NOT NULL CHECK ("seq" > 0),
  "type" TEXT NOT NULL,
  "payload" JSONB NOT NULL,
  "occurred_at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "live_event_pkey" PRIMARY KEY ("stream_id", "seq"),
  CONSTRAINT "live_event_stream_id_fkey" FOREIGN KEY ("stream_id") REFERENCES "live_log"("stream_id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE TRIGGER "live_event_immutable" BEFORE UPDATE ON "live_event" FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- live_append: the only code that writes the log. Numbers the events of each stream in array order behind the log's head and
-- returns the numbers, position by position. Locks the heads (last in the lock order), so that order = commit order.
CREATE FUNCTION live_append(p_stream bigint[], p_type text[], p_payload jsonb[], p_at timestamptz)
RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE seqs bigint[];
BEGIN
  PERFORM 1 FROM (SELECT stream_id FROM live_log WHERE stream_id = ANY(p_stream) ORDER BY stream_id FOR NO KEY UPDATE) locked;
  SELECT array_agg(n.seq ORDER BY n.ord) INTO seqs FROM (
    SELECT i.ord, l.last_seq + row_number() OVER (PARTITION BY i.stream_id ORDER BY i.ord) AS seq
      FROM unnest(p_stream) WITH ORDINALITY i(stream_id, ord)
        -- LIMIT keeps the look-up by index, whatever the table looked like when this was planned.
        JOIN LATERAL (SELECT last_seq FROM live_log WHERE stream_id = i.stream_id LIMIT 1) l ON true
  ) n;
  IF coalesce(cardinality(seqs), 0) <> coalesce(cardinality(p_stream), 0) THEN
    RAISE EXCEPTION 'live_append: a stream has no log' USING ERRCODE = 'foreign_key_violation';
  END IF;
  INSERT INTO live_event (stream_id, seq, type, payload, occurred_at)
    SELECT e.stream_id, e.seq, e.type, e.payload, p_at FROM unnest(p_stream, seqs, p_type, p_payload) e(stream_id, seq, type, payload);
  UPDATE live_log l SET last_seq = head.seq
    FROM (SELECT stream_id, max(seq) AS seq FROM unnest(p_stream, seqs) h(stream_id, seq) GROUP BY stream_id) head
    WHERE l.stream_id = head.stream_id;
  RETURN seqs;
END $$;

-- ---- gifts -------------------------------------------------------------------------------------------------------------

CREATE TABLE "gift" (
  "id" BIGSERIAL NOT NULL,
  "name" TEXT NOT NULL CHECK (char_length("name") BETWEEN 1 AND 50),
  "coins" BIGINT NOT NULL CHECK ("coins" BETWEEN 1 AND 1000000),
  "active" BOOLEAN NOT NULL DEFAULT true,
  CONSTRAINT "gift_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "gift_name_key" ON "gift"("name");

-- No index on coins and none on expires_at: both change with every gift, and an index would undo heap-only updates.
CREATE TABLE "stream_gifter" (
  "stream_id" BIGINT NOT NULL,
  "viewer_id" BIGINT NOT NULL,
  "coins" BIGINT NOT NULL CHECK ("coins" BETWEEN 1 AND 9007199254740991),
  CONSTRAINT "stream_gifter_pkey" PRIMARY KEY ("stream_id", "viewer_id"),
  CONSTRAINT "stream_gifter_stream_id_fkey" FOREIGN KEY ("stream_id") REFERENCES "stream"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "stream_gifter_viewer_id_fkey" FOREIGN KEY ("viewer_id") REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE
) WITH (fillfactor = 70);

CREATE TABLE "gift_sent" (
  "id" BIGSERIAL NOT NULL,
  "viewer_id" BIGINT NOT NULL,
  "idempotency_key" TEXT NOT NULL CHECK (char_length("idempotency_key") BETWEEN 1 AND 64),
  "stream_id" BIGINT NOT NULL,
  "gift_id" BIGINT NOT NULL,
  "quantity" INTEGER NOT NULL CHECK ("quantity" > 0),
  "coins" BIGINT NOT NULL CHECK ("coins" BETWEEN 1 AND 9007199254740991),
  "diamonds" BIGINT NOT NULL CHECK ("diamonds" BETWEEN 0 AND 9007199254740991),
  "seq" BIGINT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "gift_sent_pkey" PRIMARY KEY ("id"),
  -- Viewer and stream by way of stream_gifter: no gift without its place on the leaderboard, and one check instead of two.
  CONSTRAINT "gift_sent_stream_id_viewer_id_fkey" FOREIGN KEY ("stream_id", "viewer_id")
    REFERENCES "stream_gifter"("stream_id", "viewer_id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "gift_sent_gift_id_fkey" FOREIGN KEY ("gift_id") REFERENCES "gift"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "gift_sent_viewer_id_idempotency_key_key" ON "gift_sent"("viewer_id", "idempotency_key");
CREATE TRIGGER "gift_sent_immutable" BEFORE UPDATE OR DELETE ON "gift_sent" FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE "gift_streak" (
  "stream_id" BIGINT NOT NULL,
  "viewer_id" BIGINT NOT NULL,
  "gift_id" BIGINT NOT NULL,
  "total" INTEGER NOT NULL CHECK ("total" > 0),
  "coins" BIGINT NOT NULL CHECK ("coins" > 0),
  "expires_at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "gift_streak_pkey" PRIMARY KEY ("stream_id", "viewer_id"),
  CONSTRAINT "gift_streak_stream_id_viewer_id_fkey" FOREIGN KEY ("stream_id", "viewer_id")
    REFERENCES "stream_gifter"("stream_id", "viewer_id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "gift_streak_gift_id_fkey" FOREIGN KEY ("gift_id") REFERENCES "gift"("id") ON DELETE RESTRICT ON UPDATE CASCADE
) WITH (fillfactor = 70);
