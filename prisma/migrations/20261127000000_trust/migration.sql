-- Trust, the ground of it: a ledger in which each transfer is chained to the one before it, and what a gift must obey: age and region,
-- spending caps, mutes and bans. What builds on it (reactions, goals, battles, boxes, payouts, reports …) has migrations of its own.
--
-- Lock order, for every writer; this puts what is new into the order of the migration `shopping`:
--   1. checkout  2. shop_order  3. offer  4. inventory
--   5. coin_purchase rows, by id; whoever holds one owns its dispute
--   6. battle rows, by id           7. treasure_box rows, by id           8. payout rows, by id
--   9. ledger_account rows, by id; whoever holds a viewer's wallet owns its spending_limit, whoever holds a creator's PENDING
--      account owns what becomes of the diamonds
--  10. live_log rows, by stream_id; a stream's reactions, goals, level and counters belong to the holder, too

-- ---- people: age and region -------------------------------------------------------------------------------------------

-- Where which gifts are allowed, as data; the row '' is for every region that has none, and for viewers without a region.
CREATE TABLE "region_rule" (
  "region" TEXT NOT NULL CHECK ("region" ~ '^([A-Z]{2})?$'),
  "gift_age_min" INTEGER NOT NULL CHECK ("gift_age_min" BETWEEN 0 AND 120),
  "gifts_allowed" BOOLEAN NOT NULL DEFAULT true,
  CONSTRAINT "region_rule_pkey" PRIMARY KEY ("region")
);
INSERT INTO "region_rule" ("region", "gift_age_min") VALUES ('', 18), ('KR', 19);

ALTER TABLE "viewer"
  ADD COLUMN "birth_date" DATE,
  ADD COLUMN "region" TEXT CHECK ("region" ~ '^[A-Z]{2}$'),
  ADD COLUMN "gifts_from" TIMESTAMPTZ(3),
  ADD COLUMN "named_on_boards" BOOLEAN NOT NULL DEFAULT true;

-- From when on somebody may send gifts; null is never, as far as we know.
CREATE FUNCTION gifts_from(p_birth_date date, p_region text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN r.gifts_allowed THEN (p_birth_date + make_interval(years => r.gift_age_min)) AT TIME ZONE 'UTC' END
    FROM region_rule r WHERE r.region IN ('', coalesce(p_region, '')) ORDER BY r.region DESC LIMIT 1
$$;
-- Kept with the viewer, so that a gift needs no look-up; follows the viewer and the rules.
CREATE FUNCTION viewer_gifts_from() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.gifts_from := gifts_from(NEW.birth_date, NEW.region);
  RETURN NEW;
END $$;
CREATE TRIGGER "viewer_gifts_from" BEFORE INSERT OR UPDATE OF "birth_date", "region" ON "viewer"
  FOR EACH ROW EXECUTE FUNCTION viewer_gifts_from();
CREATE FUNCTION region_rule_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE viewer SET gifts_from = gifts_from(birth_date, region) WHERE gifts_from IS DISTINCT FROM gifts_from(birth_date, region);
  RETURN NULL;
END $$;
CREATE TRIGGER "region_rule_changes" AFTER INSERT OR UPDATE OR DELETE ON "region_rule"
  FOR EACH STATEMENT EXECUTE FUNCTION region_rule_changes();

-- The viewers of the demo have always been adults.
UPDATE "viewer" SET "birth_date" = '1990-01-01' WHERE "subject" LIKE 'demo:%';

-- ---- people: spending caps, mutes and bans ----------------------------------------------------------------------------

-- A viewer's caps, by period, and what counts against them. No row, no caps. A null cap is none. While raise_*_at is set, the
-- cap becomes raise_* (null: none) then. Days and months are those of UTC and never go back, whatever the clock does.
CREATE TABLE "spending_limit" (
  "viewer_id" BIGINT NOT NULL,
  "gift_cap" BIGINT CHECK ("gift_cap" BETWEEN 0 AND 9007199254740991),
  "day_cap" BIGINT CHECK ("day_cap" BETWEEN 0 AND 9007199254740991),
  "month_cap" BIGINT CHECK ("month_cap" BETWEEN 0 AND 9007199254740991),
  "raise_gift" BIGINT CHECK ("raise_gift" BETWEEN 0 AND 9007199254740991),
  "raise_day" BIGINT CHECK ("raise_day" BETWEEN 0 AND 9007199254740991),
  "raise_month" BIGINT CHECK ("raise_month" BETWEEN 0 AND 9007199254740991),
  "raise_gift_at" TIMESTAMPTZ(3),
  "raise_day_at" TIMESTAMPTZ(3),
  "raise_month_at" TIMESTAMPTZ(3),
  "day" DATE NOT NULL,
  "day_coins" BIGINT NOT NULL DEFAULT 0 CHECK ("day_coins" >= 0),
  "month" DATE NOT NULL CHECK ("month" = date_trunc('month', "month"::timestamp)),
  "month_coins" BIGINT NOT NULL DEFAULT 0 CHECK ("month_coins" >= 0),
  CONSTRAINT "spending_limit_pkey" PRIMARY KEY ("viewer_id"),
  CONSTRAINT "spending_limit_viewer_id_fkey" FOREIGN KEY ("viewer_id")
    REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE
) WITH (fillfactor = 70);

-- What limits say now: the caps in force, what is left of them, and what would count against them (today's and this month's).
CREATE FUNCTION spending_left(l spending_limit, p_at timestamptz)
RETURNS TABLE (gift_cap bigint, day_cap bigint, month_cap bigint, day_left bigint, month_left bigint, day date, month date)
LANGUAGE sql IMMUTABLE AS $$
  SELECT c.gift_cap, c.day_cap, c.month_cap,
         -- greatest() leaves nulls out: where there is no cap, nothing is to be left of it.
         CASE WHEN c.day_cap IS NOT NULL THEN greatest(c.day_cap - CASE WHEN l.day = t.day THEN l.day_coins ELSE 0 END, 0) END,
         CASE WHEN c.month_cap IS NOT NULL THEN greatest(c.month_cap - CASE WHEN l.month = t.month THEN l.month_coins ELSE 0 END, 0) END,
         t.day, t.month
    FROM (SELECT greatest(l.day, (p_at AT TIME ZONE 'UTC')::date) AS day,
                 greatest(l.month, date_trunc('month', p_at AT TIME ZONE 'UTC')::date) AS month) t,
         (SELECT CASE WHEN l.raise_gift_at <= p_at THEN l.raise_gift ELSE l.gift_cap END AS gift_cap,
                 CASE WHEN l.raise_day_at <= p_at THEN l.raise_day ELSE l.day_cap END AS day_cap,
                 CASE WHEN l.raise_month_at <= p_at THEN l.raise_month ELSE l.month_cap END AS month_cap) c
$$;

-- Counts coins that viewers have spent, one sum per viewer, ascending, against their caps. The caller holds the wallets' locks.
CREATE FUNCTION spending_count(p_viewer bigint[], p_coins bigint[], p_at timestamptz) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  UPDATE spending_limit l SET
      day_coins = CASE WHEN l.day >= (p_at AT TIME ZONE 'UTC')::date THEN l.day_coins ELSE 0 END
                + p_coins[width_bucket(l.viewer_id, p_viewer)],
      month_coins = CASE WHEN l.month >= date_trunc('month', p_at AT TIME ZONE 'UTC')::date THEN l.month_coins ELSE 0 END
                + p_coins[width_bucket(l.viewer_id, p_viewer)],
      day = greatest(l.day, (p_at AT TIME ZONE 'UTC')::date),
      month = greatest(l.month, date_trunc('month', p_at AT TIME ZONE 'UTC')::date)
    WHERE l.viewer_id = ANY(p_viewer);
END $$;

-- What a viewer may not do in a creator's streams, and until when; creator 0 is all of them. 'infinity' is for good.
CREATE TABLE "restriction" (
  "viewer_id" BIGINT NOT NULL,
  "creator_id" BIGINT NOT NULL,
  "banned_until" TIMESTAMPTZ(3),
  "muted_until" TIMESTAMPTZ(3),
  -- A mute keeps from gifting for twice as long; a ban, for as long as it lasts.
  "gifts_until" TIMESTAMPTZ(3),
  CONSTRAINT "restriction_pkey" PRIMARY KEY ("viewer_id", "creator_id"),
  CONSTRAINT "restriction_viewer_id_fkey" FOREIGN KEY ("viewer_id")
    REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

-- ---- reactions: rules and the queue -----------------------------------------------------------------------------------

-- What a creator does for a gift: either so many in one call, or when a streak reaches so many.
CREATE TABLE "reaction_rule" (
  "id" BIGSERIAL NOT NULL,
  "creator_id" BIGINT NOT NULL,
  "gift_id" BIGINT NOT NULL,
  "min_quantity" INTEGER CHECK ("min_quantity" >= 1),
  "min_streak" INTEGER CHECK ("min_streak" >= 2),
  "phrase" TEXT NOT NULL CHECK (char_length("phrase") BETWEEN 1 AND 200),
  "animation" TEXT CHECK (char_length("animation") BETWEEN 1 AND 50),
  "sound" TEXT CHECK (char_length("sound") BETWEEN 1 AND 50),
  "priority" INTEGER NOT NULL DEFAULT 0,
  "cooldown_ms" INTEGER NOT NULL DEFAULT 0 CHECK ("cooldown_ms" >= 0),
  "duration_ms" INTEGER NOT NULL CHECK ("duration_ms" > 0),
  "active" BOOLEAN NOT NULL DEFAULT true,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "reaction_rule_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "reaction_rule_one_minimum" CHECK (num_nonnulls("min_quantity", "min_streak") = 1),
  CONSTRAINT "reaction_rule_creator_id_fkey" FOREIGN KEY ("creator_id")
    REFERENCES "creator"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "reaction_rule_gift_id_fkey" FOREIGN KEY ("gift_id")
    REFERENCES "gift"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "reaction_rule_creator_id_gift_id_idx" ON "reaction_rule"("creator_id", "gift_id");

-- One reaction in a stream's queue. Copies its rule: a change of the rule is for later gifts.
CREATE TABLE "reaction" (
  "id" BIGSERIAL NOT NULL,
  "stream_id" BIGINT NOT NULL,
  "rule_id" BIGINT NOT NULL,
  "gift_sent_id" BIGINT NOT NULL,
  "viewer_id" BIGINT NOT NULL,
  "phrase" TEXT NOT NULL,
  "animation" TEXT,
  "sound" TEXT,
  "priority" INTEGER NOT NULL,
  "duration_ms" INTEGER NOT NULL,
  "state" TEXT NOT NULL DEFAULT 'QUEUED' CHECK ("state" IN ('QUEUED', 'PERFORMED', 'SKIPPED')),
  "queued_at" TIMESTAMPTZ(3) NOT NULL,
  "done_at" TIMESTAMPTZ(3),
  CONSTRAINT "reaction_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "reaction_done" CHECK (("state" = 'QUEUED') = ("done_at" IS NULL))
);
CREATE UNIQUE INDEX "reaction_gift_sent_id_key" ON "reaction"("gift_sent_id");
CREATE INDEX "reaction_stream_id_state_priority_id_idx" ON "reaction"("stream_id", "state", "priority" DESC, "id");
CREATE INDEX "reaction_stream_id_rule_id_id_idx" ON "reaction"("stream_id", "rule_id", "id");

CREATE FUNCTION reaction_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM added r WHERE (SELECT true FROM stream s WHERE s.id = r.stream_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('reaction', 'reaction_stream_id_fkey'); END IF;
  IF EXISTS (
    SELECT FROM added r WHERE (SELECT true FROM reaction_rule u WHERE u.id = r.rule_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('reaction', 'reaction_rule_id_fkey'); END IF;
  IF EXISTS (
    SELECT FROM added r WHERE (SELECT true FROM gift_sent g WHERE g.id = r.gift_sent_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('reaction', 'reaction_gift_sent_id_fkey'); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "reaction_references" AFTER INSERT ON "reaction"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION reaction_references();
CREATE TRIGGER "reaction_stays" BEFORE UPDATE OF "stream_id", "rule_id", "gift_sent_id" ON "reaction"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('reaction_stream_id_fkey');
CREATE TRIGGER "reaction_rule_stays" BEFORE DELETE OR TRUNCATE OR UPDATE OF "id" ON "reaction_rule"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('reaction_rule_id_fkey');

-- What a gift must know of its stream, on the row that every batch reads and writes anyway.
ALTER TABLE "stream"
  -- How many reactions wait, and how long they take together.
  ADD COLUMN "reactions_queued" INTEGER NOT NULL DEFAULT 0 CHECK ("reactions_queued" >= 0),
  ADD COLUMN "reactions_ms" BIGINT NOT NULL DEFAULT 0 CHECK ("reactions_ms" >= 0),
  -- Something happens when gift_coins reaches this: a goal, a level. Null: nothing will.
  ADD COLUMN "coin_mark" BIGINT,
  -- Whether some goal counts gifts of a kind.
  ADD COLUMN "counts_gifts" BOOLEAN NOT NULL DEFAULT false;

-- ---- the ledger: a chain ----------------------------------------------------------------------------------------------

-- A debt is what its owner could not give back: it is below zero, and nothing is taken from it.
ALTER TABLE "ledger_account" DROP CONSTRAINT "ledger_account_balance_check",
  ADD CONSTRAINT "ledger_account_balance_check" CHECK (
    ("balance" >= 0 OR "kind" IN ('ISSUANCE', 'CLEARING', 'DEBT')) AND ("balance" <= 0 OR "kind" <> 'DEBT')
    AND "balance" BETWEEN -9007199254740991 AND 9007199254740991
  ),
  -- The account's newest transfer, its hash, and how many there are.
  ADD COLUMN "last_transfer_id" BIGINT,
  ADD COLUMN "last_hash" BYTEA,
  ADD COLUMN "transfers" BIGINT NOT NULL DEFAULT 0;
-- The transfer before this one of the debited account, with its hash, and the same of the credited account; null for an account's first.
ALTER TABLE "transfer"
  ADD COLUMN "debit_prev" BIGINT,
  ADD COLUMN "credit_prev" BIGINT,
  ADD COLUMN "debit_hash" BYTEA,
  ADD COLUMN "credit_hash" BYTEA;

-- What a transfer's hash covers: sha256(transfer_body || debit_hash || credit_hash), a missing hash being nothing. Whoever changes a
-- row, or takes one out of its accounts' chains, changes the hashes that the rows behind it carry. Milliseconds since 1970.
CREATE FUNCTION transfer_body(
  p_id bigint, p_debit bigint, p_credit bigint, p_unit text, p_amount bigint, p_kind text, p_cause bigint, p_reverses bigint, p_at timestamptz
) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT convert_to(concat(p_id, '|', p_debit, '|', p_credit, '|', p_unit, '|', p_amount, '|', p_kind, '|', p_cause, '|', p_reverses, '|',
                           (extract(epoch FROM p_at) * 1000)::bigint, '|'), 'UTF8')
$$;

DROP FUNCTION wallet_move(bigint[], bigint[], text[], bigint[], text[], bigint[], timestamptz);
-- wallet_move, as before the only code that writes the ledger: writes transfers (one an array position) and moves the balances, all or
-- nothing. The caller holds the accounts' locks, so that the order of an account's transfers is that of their ids.
-- A hash needs the one before it, so that part is a loop; what can be done for all transfers at once, is.
CREATE FUNCTION wallet_move(
  p_debit bigint[], p_credit bigint[], p_unit text[], p_amount bigint[], p_kind text[], p_cause bigint[], p_at timestamptz,
  p_reverses bigint[] DEFAULT NULL
) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  at timestamptz(3) := p_at;
  account bigint[]; head bigint[]; tip bytea[]; moved bigint[]; legs bigint[];
  ids bigint[]; debit int[]; credit int[]; body bytea[];
  debit_prev bigint[]; credit_prev bigint[]; debit_hash bytea[]; credit_hash bytea[];
  hash bytea; d int; c int;
BEGIN
  SELECT array_agg(a.id), array_agg(a.last_transfer_id), array_agg(a.last_hash) INTO account, head, tip
    FROM (SELECT id, last_transfer_id, last_hash FROM ledger_account WHERE id = ANY(p_debit || p_credit) ORDER BY id) a;
  -- Where the accounts of each transfer stand in that list.
  SELECT array_agg(t.id), array_agg(t.debit), array_agg(t.credit), array_agg(transfer_body(
           t.id, p_debit[t.n], p_credit[t.n], p_unit[t.n], p_amount[t.n], p_kind[t.n], p_cause[t.n], p_reverses[t.n], at))
    INTO ids, debit, credit, body
    FROM (
      SELECT i.n, nextval('transfer_id_seq') AS id, width_bucket(p_debit[i.n], account) AS debit, width_bucket(p_credit[i.n], account) AS credit
        FROM generate_subscripts(p_debit, 1) i(n) ORDER BY i.n OFFSET 0
    ) t;
  FOR n IN 1..cardinality(ids) LOOP
    d := debit[n];
    c := credit[n];
    debit_prev[n] := head[d];
    credit_prev[n] := head[c];
    debit_hash[n] := tip[d];
    credit_hash[n] := tip[c];
    hash := sha256(body[n] || coalesce(tip[d], '') || coalesce(tip[c], ''));
    head[d] := ids[n];
    head[c] := ids[n];
    tip[d] := hash;
    tip[c] := hash;
  END LOOP;
  INSERT INTO transfer (id, debit_account_id, credit_account_id, unit, amount, kind, cause_id, reverses, created_at,
                        debit_prev, credit_prev, debit_hash, credit_hash)
    SELECT ids[n], p_debit[n], p_credit[n], p_unit[n], p_amount[n], p_kind[n], p_cause[n], p_reverses[n], at,
           debit_prev[n], credit_prev[n], debit_hash[n], credit_hash[n] FROM generate_subscripts(ids, 1) n;
  SELECT array_agg(a.amount), array_agg(a.legs) INTO moved, legs FROM (
    SELECT leg.place, sum(leg.amount)::bigint AS amount, count(*) AS legs FROM (
      SELECT credit[n] AS place, p_amount[n] AS amount FROM generate_subscripts(ids, 1) n
      UNION ALL
      SELECT debit[n], -p_amount[n] FROM generate_subscripts(ids, 1) n
    ) leg GROUP BY leg.place ORDER BY leg.place
  ) a;
  UPDATE ledger_account a SET balance = balance + moved[width_bucket(id, account)], version = version + 1,
      last_transfer_id = head[width_bucket(id, account)], last_hash = tip[width_bucket(id, account)],
      transfers = transfers + legs[width_bucket(id, account)]
    WHERE id = ANY(account);
END $$;

DROP FUNCTION wallet_post(bigint[], bigint[], text[], bigint[], text[], bigint[], timestamptz);
-- wallet_post: locks the accounts in the schema's order, then moves.
CREATE FUNCTION wallet_post(
  p_debit bigint[], p_credit bigint[], p_unit text[], p_amount bigint[], p_kind text[], p_cause bigint[], p_at timestamptz,
  p_reverses bigint[] DEFAULT NULL
) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  PERFORM 1 FROM (SELECT id FROM ledger_account WHERE id = ANY(p_debit || p_credit) ORDER BY id FOR NO KEY UPDATE) locked;
  PERFORM wallet_move(p_debit, p_credit, p_unit, p_amount, p_kind, p_cause, p_at, p_reverses);
END $$;

-- What was written before there was a chain is chained now.
ALTER TABLE "transfer" DISABLE TRIGGER "transfer_immutable";
DO $$
DECLARE
  t record; d ledger_account; c ledger_account; hash bytea;
BEGIN
  FOR t IN SELECT * FROM transfer ORDER BY id LOOP
    SELECT * INTO d FROM ledger_account WHERE id = t.debit_account_id;
    SELECT * INTO c FROM ledger_account WHERE id = t.credit_account_id;
    UPDATE transfer SET debit_prev = d.last_transfer_id, credit_prev = c.last_transfer_id, debit_hash = d.last_hash, credit_hash = c.last_hash
      WHERE id = t.id;
    hash := sha256(transfer_body(t.id, t.debit_account_id, t.credit_account_id, t.unit, t.amount, t.kind, t.cause_id, t.reverses, t.created_at)
                   || coalesce(d.last_hash, '') || coalesce(c.last_hash, ''));
    UPDATE ledger_account SET last_transfer_id = t.id, last_hash = hash, transfers = transfers + 1
      WHERE id IN (t.debit_account_id, t.credit_account_id);
  END LOOP;
END $$;
ALTER TABLE "transfer" ENABLE TRIGGER "transfer_immutable";

-- What happened at a time, without a cost for gifts: rows are written in the order of their times, so a range of pages says enough.
CREATE INDEX "transfer_created_at_idx" ON "transfer" USING BRIN ("created_at") WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX "gift_sent_created_at_idx" ON "gift_sent" USING BRIN ("created_at") WITH (pages_per_range = 32, autosummarize = on);
