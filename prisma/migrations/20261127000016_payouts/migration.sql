-- Earnings and payouts: what becomes of a creator's diamonds between the gift and the money.
--
-- Lock order: as the migration `trust` states it. A bucket that is open belongs to the holder of its stream's log; one that is
-- closed, to the holder of its creator's PENDING account. Payouts, holds and identities of a creator belong to the holder of the
-- creator's accounts, too; a payout's row is locked before them, and a new one is written behind them.

-- ---- earnings: buckets --------------------------------------------------------------------------------------------------

-- The diamonds of one stretch of a stream: of its gifts with seq_from < seq <= seq_to. A gift writes nothing here. A bucket is cut
-- under the log's lock, when log and running total of coins stand still together, and its diamonds are the difference that the total
-- has made: to the last one those of its gifts, which are rounded on the same total.
-- The open bucket, which has no end yet, is written only when one of its gifts is taken back.
CREATE TABLE "earning" (
  "id" BIGSERIAL NOT NULL,
  "creator_id" BIGINT NOT NULL,
  "stream_id" BIGINT NOT NULL,
  "state" TEXT NOT NULL CHECK ("state" IN ('OPEN', 'PENDING', 'SETTLED')),
  "seq_from" BIGINT NOT NULL CHECK ("seq_from" >= 0),
  "seq_to" BIGINT,
  -- The stream's running total of coins at the cut before, and at this one.
  "coins_from" BIGINT NOT NULL CHECK ("coins_from" >= 0),
  "coins_to" BIGINT,
  "diamonds" BIGINT NOT NULL DEFAULT 0 CHECK ("diamonds" BETWEEN 0 AND 9007199254740991),
  -- Of them, those of gifts that were taken back before they were settled.
  "reversed" BIGINT NOT NULL DEFAULT 0 CHECK ("reversed" >= 0),
  -- The newest transfer of the creator's PENDING account at the cut: its gifts are found from there, back along the chain.
  "transfer_id" BIGINT,
  "closed_at" TIMESTAMPTZ(3),
  "settles_at" TIMESTAMPTZ(3),
  "settled_at" TIMESTAMPTZ(3),
  CONSTRAINT "earning_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "earning_closed" CHECK (
    num_nulls("seq_to", "coins_to", "closed_at", "settles_at") = CASE "state" WHEN 'OPEN' THEN 4 ELSE 0 END
    AND ("state" = 'SETTLED') = ("settled_at" IS NOT NULL)
  ),
  CONSTRAINT "earning_stretch" CHECK ("seq_to" > "seq_from" AND "coins_to" > "coins_from"),
  CONSTRAINT "earning_reversed_part" CHECK ("state" = 'OPEN' OR ("diamonds" > 0 AND "reversed" <= "diamonds")),
  CONSTRAINT "earning_creator_id_fkey" FOREIGN KEY ("creator_id") REFERENCES "creator"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "earning_stream_id_fkey" FOREIGN KEY ("stream_id") REFERENCES "stream"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
-- A stretch begins where the one before ends, so each place of a log is in one bucket at the most.
CREATE UNIQUE INDEX "earning_stream_id_seq_from_key" ON "earning"("stream_id", "seq_from");
CREATE INDEX "earning_state_settles_at_idx" ON "earning"("state", "settles_at");
CREATE INDEX "earning_creator_id_state_settles_at_idx" ON "earning"("creator_id", "state", "settles_at");

-- Where the next bucket of a stream begins: behind its newest one, or where the open one began.
CREATE FUNCTION earning_begin(p_stream bigint, OUT open_id bigint, OUT seq_from bigint, OUT coins_from bigint, OUT closed_at timestamptz)
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
  SELECT CASE WHEN e.state = 'OPEN' THEN e.id END, coalesce(e.seq_to, e.seq_from), coalesce(e.coins_to, e.coins_from)
    INTO open_id, seq_from, coins_from
    FROM earning e WHERE e.stream_id = p_stream ORDER BY e.seq_from DESC LIMIT 1;
  seq_from := coalesce(seq_from, 0);
  coins_from := coalesce(coins_from, 0);
  SELECT e.closed_at INTO closed_at FROM earning e
    WHERE e.stream_id = p_stream AND e.state <> 'OPEN' ORDER BY e.seq_from DESC LIMIT 1;
END $$;

-- Closes the open stretch of streams whose logs the caller has locked; streams that have earned nothing since are left as they are.
-- p_since: only those that were not cut since then, so that two servers do not cut at once; null is any.
-- Returns how many buckets there are now that were not there before.
CREATE FUNCTION earnings_cut(p_stream bigint[], p_hold interval, p_since timestamptz) RETURNS int
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  s record; b record; earned bigint; head bigint; newest bigint; at timestamptz(3) := clock_timestamp(); cut int := 0;
BEGIN
  FOR s IN SELECT * FROM stream WHERE id = ANY(p_stream) ORDER BY id LOOP
    SELECT * INTO b FROM earning_begin(s.id);
    CONTINUE WHEN b.closed_at >= p_since;
    earned := diamonds_for(s.gift_coins, s.rate_coins, s.rate_diamonds) - diamonds_for(b.coins_from, s.rate_coins, s.rate_diamonds);
    CONTINUE WHEN earned = 0;
    SELECT last_seq INTO head FROM live_log WHERE stream_id = s.id;
    -- No gift of this stream can come in between: it would need the log.
    SELECT last_transfer_id INTO newest FROM ledger_account WHERE id = s.pending_account_id;
    IF b.open_id IS NULL THEN
      INSERT INTO earning (creator_id, stream_id, state, seq_from, seq_to, coins_from, coins_to, diamonds, transfer_id, closed_at, settles_at)
        VALUES (s.creator_id, s.id, 'PENDING', b.seq_from, head, b.coins_from, s.gift_coins, earned, newest, at, at + p_hold);
    ELSE
      UPDATE earning SET state = 'PENDING', seq_to = head, coins_to = s.gift_coins, diamonds = earned, transfer_id = newest,
          closed_at = at, settles_at = at + p_hold
        WHERE id = b.open_id;
    END IF;
    cut := cut + 1;
  END LOOP;
  RETURN cut;
END $$;

-- Notes that gifts are taken back, one an array position, and tells of each whether its diamonds were settled: then they are not in
-- PENDING any more. The caller holds the creators' accounts and the streams' logs, and takes the diamonds.
CREATE FUNCTION earnings_unearn(p_stream bigint[], p_seq bigint[], p_diamonds bigint[]) RETURNS boolean[]
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  e earning; b record; settled boolean[];
BEGIN
  FOR n IN 1..coalesce(cardinality(p_stream), 0) LOOP
    settled[n] := false;
    CONTINUE WHEN p_diamonds[n] = 0;
    SELECT * INTO e FROM earning WHERE stream_id = p_stream[n] AND seq_from < p_seq[n] ORDER BY seq_from DESC LIMIT 1;
    IF e.id IS NULL OR e.seq_to < p_seq[n] THEN
      SELECT * INTO b FROM earning_begin(p_stream[n]);
      INSERT INTO earning (creator_id, stream_id, state, seq_from, coins_from, reversed)
        SELECT creator_id, id, 'OPEN', b.seq_from, b.coins_from, p_diamonds[n] FROM stream WHERE id = p_stream[n];
    ELSIF e.state = 'SETTLED' THEN
      settled[n] := true;
    ELSE
      UPDATE earning SET reversed = reversed + p_diamonds[n] WHERE id = e.id;
    END IF;
  END LOOP;
  RETURN settled;
END $$;

-- What streams have earned that ended before there were buckets; those on air are cut in their turn.
INSERT INTO earning (creator_id, stream_id, state, seq_from, seq_to, coins_from, coins_to, diamonds, transfer_id, closed_at, settles_at)
  SELECT s.creator_id, s.id, 'PENDING', 0, l.last_seq, 0, s.gift_coins, diamonds_for(s.gift_coins, s.rate_coins, s.rate_diamonds),
         t.id, s.ended_at, s.ended_at + interval '14 days'
    FROM stream s JOIN live_log l ON l.stream_id = s.id
      LEFT JOIN (
        SELECT g.stream_id, max(t.id) AS id FROM transfer t JOIN gift_sent g ON g.id = t.cause_id WHERE t.kind = 'GIFT_EARNED' GROUP BY 1
      ) t ON t.stream_id = s.id
   WHERE s.status = 'ENDED' AND diamonds_for(s.gift_coins, s.rate_coins, s.rate_diamonds) > 0 ORDER BY s.id;

-- ---- identity ------------------------------------------------------------------------------------------------------------

-- Whom the provider knows a creator as. No row is UNVERIFIED.
CREATE TABLE "creator_identity" (
  "creator_id" BIGINT NOT NULL,
  "status" TEXT NOT NULL CHECK ("status" IN ('PENDING', 'VERIFIED', 'REJECTED')),
  -- The provider's name of the account that is paid.
  "account_token" TEXT NOT NULL CHECK (char_length("account_token") BETWEEN 1 AND 200),
  "submitted_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "decided_at" TIMESTAMPTZ(3),
  -- When the provider is asked next, while nobody has decided.
  "check_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "creator_identity_pkey" PRIMARY KEY ("creator_id"),
  CONSTRAINT "creator_identity_decided" CHECK (("status" = 'PENDING') = ("decided_at" IS NULL)),
  CONSTRAINT "creator_identity_creator_id_fkey" FOREIGN KEY ("creator_id") REFERENCES "creator"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "creator_identity_status_check_at_idx" ON "creator_identity"("status", "check_at");

-- ---- rates ---------------------------------------------------------------------------------------------------------------

-- What diamonds are paid out at: `amount_minor` for every `diamonds`. A new rate is a new row; each payout keeps its own.
CREATE TABLE "payout_rate" (
  "id" BIGSERIAL NOT NULL,
  "diamonds" INTEGER NOT NULL CHECK ("diamonds" BETWEEN 1 AND 1000000),
  "amount_minor" INTEGER NOT NULL CHECK ("amount_minor" BETWEEN 1 AND 1000000),
  "currency" TEXT NOT NULL CHECK ("currency" ~ '^[A-Z]{3}$'),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "payout_rate_pkey" PRIMARY KEY ("id")
);
CREATE TRIGGER "payout_rate_immutable" BEFORE UPDATE OR DELETE ON "payout_rate" FOR EACH ROW EXECUTE FUNCTION refuse_change();
INSERT INTO "payout_rate" ("diamonds", "amount_minor", "currency") VALUES (200, 100, 'USD');

-- ---- payouts and holds ---------------------------------------------------------------------------------------------------

CREATE TABLE "payout" (
  "id" BIGSERIAL NOT NULL,
  "creator_id" BIGINT NOT NULL,
  "rate_id" BIGINT NOT NULL,
  "state" TEXT NOT NULL DEFAULT 'REQUESTED' CHECK ("state" IN ('REQUESTED', 'SENT', 'PAID', 'FAILED')),
  -- What was asked for, and what it takes of that to make whole units of money.
  "requested" BIGINT NOT NULL CHECK ("requested" BETWEEN 1 AND 9007199254740991),
  "diamonds" BIGINT NOT NULL CHECK ("diamonds" BETWEEN 1 AND "requested"),
  "amount_minor" BIGINT NOT NULL CHECK ("amount_minor" BETWEEN 1 AND 9007199254740991),
  "currency" TEXT NOT NULL CHECK ("currency" ~ '^[A-Z]{3}$'),
  "account_token" TEXT NOT NULL,
  -- Null once it has failed: the same key may then ask again.
  "idempotency_key" TEXT CHECK (char_length("idempotency_key") BETWEEN 1 AND 64),
  -- The UTC day whose maximum it counts against; never goes back, whatever the clock does.
  "day" DATE NOT NULL,
  "provider_id" TEXT,
  "failure" TEXT,
  -- When the recovery looks after it next.
  "try_at" TIMESTAMPTZ(3) NOT NULL,
  -- The transfers that paid it, to be reversed when the provider takes the money back.
  "paid_transfer_id" BIGINT,
  "money_transfer_id" BIGINT,
  "requested_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "sent_at" TIMESTAMPTZ(3),
  "ended_at" TIMESTAMPTZ(3),
  CONSTRAINT "payout_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "payout_ended" CHECK (("state" IN ('PAID', 'FAILED')) = ("ended_at" IS NOT NULL)),
  CONSTRAINT "payout_failure" CHECK (("state" = 'FAILED') = ("failure" IS NOT NULL)),
  CONSTRAINT "payout_creator_id_fkey" FOREIGN KEY ("creator_id") REFERENCES "creator"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "payout_rate_id_fkey" FOREIGN KEY ("rate_id") REFERENCES "payout_rate"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "payout_creator_id_idempotency_key_key" ON "payout"("creator_id", "idempotency_key");
CREATE INDEX "payout_creator_id_id_idx" ON "payout"("creator_id", "id");
CREATE INDEX "payout_creator_id_day_idx" ON "payout"("creator_id", "day");
CREATE INDEX "payout_state_try_at_idx" ON "payout"("state", "try_at");

-- Diamonds that an operator has set aside.
CREATE TABLE "earnings_hold" (
  "id" BIGSERIAL NOT NULL,
  "creator_id" BIGINT NOT NULL,
  "diamonds" BIGINT NOT NULL CHECK ("diamonds" BETWEEN 1 AND 9007199254740991),
  "reason" TEXT NOT NULL CHECK (char_length("reason") BETWEEN 1 AND 200),
  "operator_id" BIGINT NOT NULL,
  "held_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "released_at" TIMESTAMPTZ(3),
  CONSTRAINT "earnings_hold_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "earnings_hold_creator_id_fkey" FOREIGN KEY ("creator_id") REFERENCES "creator"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "earnings_hold_operator_id_fkey" FOREIGN KEY ("operator_id") REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "earnings_hold_creator_id_id_idx" ON "earnings_hold"("creator_id", "id");

-- The sandbox's own books of what it has paid out, as a real provider would keep them.
CREATE TABLE "sandbox_payout" (
  "idempotency_key" TEXT NOT NULL,
  "account_token" TEXT NOT NULL,
  "amount_minor" BIGINT NOT NULL CHECK ("amount_minor" > 0),
  "currency" TEXT NOT NULL,
  "status" TEXT NOT NULL CHECK ("status" IN ('PAID', 'FAILED')),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "sandbox_payout_pkey" PRIMARY KEY ("idempotency_key")
);
