-- Treasure boxes: a viewer puts coins into a box, so many watchers claim equal shares of it at a set time, each once, and what nobody
-- had goes back. The coins of all boxes lie in one account of the platform; a box knows how many of them are its own:
-- coins - claimed * share_coins, until it is closed.
--
-- Whoever holds a box's lock owns its claims. Lock order: treasure_box, ledger_account, live_log (the migration `trust`).

CREATE TABLE "treasure_box" (
  "id" BIGSERIAL NOT NULL,
  "stream_id" BIGINT NOT NULL,
  -- Who funded it.
  "viewer_id" BIGINT NOT NULL,
  "coins" BIGINT NOT NULL CHECK ("coins" BETWEEN 1 AND 9007199254740991),
  "shares" INTEGER NOT NULL CHECK ("shares" > 0),
  "share_coins" BIGINT NOT NULL,
  "claimed" INTEGER NOT NULL DEFAULT 0,
  "state" TEXT NOT NULL DEFAULT 'FUNDED' CHECK ("state" IN ('FUNDED', 'OPEN', 'CLOSED')),
  "funded_at" TIMESTAMPTZ(3) NOT NULL,
  "opens_at" TIMESTAMPTZ(3) NOT NULL,
  "closes_at" TIMESTAMPTZ(3) NOT NULL,
  -- When the sweep has something to do with it.
  "due_at" TIMESTAMPTZ(3) NOT NULL,
  "closed_at" TIMESTAMPTZ(3),
  -- What went back to the funder; null until it is closed.
  "returned" BIGINT,
  CONSTRAINT "treasure_box_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "treasure_box_stream_id_fkey" FOREIGN KEY ("stream_id")
    REFERENCES "stream"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "treasure_box_viewer_id_fkey" FOREIGN KEY ("viewer_id")
    REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "treasure_box_share" CHECK ("share_coins" = "coins" / "shares" AND "share_coins" > 0),
  CONSTRAINT "treasure_box_claimed" CHECK ("claimed" BETWEEN 0 AND "shares"),
  CONSTRAINT "treasure_box_times" CHECK ("opens_at" <= "closes_at"),
  CONSTRAINT "treasure_box_closed" CHECK (
    ("state" = 'CLOSED') = ("closed_at" IS NOT NULL) AND ("state" = 'CLOSED') = ("returned" IS NOT NULL)
  ),
  CONSTRAINT "treasure_box_returned" CHECK ("returned" = "coins" - "claimed" * "share_coins")
);
CREATE INDEX "treasure_box_stream_id_id_idx" ON "treasure_box"("stream_id", "id");
CREATE INDEX "treasure_box_viewer_id_id_idx" ON "treasure_box"("viewer_id", "id");
CREATE INDEX "treasure_box_due_at_idx" ON "treasure_box"("due_at") WHERE "state" <> 'CLOSED';
-- A box never opens again, and is never another's.
CREATE FUNCTION treasure_box_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state = 'CLOSED' OR (OLD.state = 'OPEN' AND NEW.state = 'FUNDED')
     OR (OLD.id, OLD.stream_id, OLD.viewer_id, OLD.coins, OLD.shares) IS DISTINCT FROM (NEW.id, NEW.stream_id, NEW.viewer_id, NEW.coins, NEW.shares)
  THEN RAISE EXCEPTION 'treasure box % cannot change from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = 'restrict_violation'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "treasure_box_moves" BEFORE UPDATE ON "treasure_box" FOR EACH ROW EXECUTE FUNCTION treasure_box_moves();
CREATE TRIGGER "treasure_box_stays" BEFORE DELETE OR TRUNCATE OR UPDATE OF "id" ON "treasure_box"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('box_claim_box_id_fkey');

-- A share that somebody had. The primary key is what makes it one each.
CREATE TABLE "box_claim" (
  "box_id" BIGINT NOT NULL,
  "viewer_id" BIGINT NOT NULL,
  "coins" BIGINT NOT NULL CHECK ("coins" > 0),
  "claimed_at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "box_claim_pkey" PRIMARY KEY ("box_id", "viewer_id")
);
CREATE INDEX "box_claim_viewer_id_idx" ON "box_claim"("viewer_id");
CREATE TRIGGER "box_claim_immutable" BEFORE UPDATE OR DELETE ON "box_claim" FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- Thousands claim in a second: parents are looked up a statement at a time, as in the migration `gift_speed`.
CREATE FUNCTION box_claim_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT box_id FROM added) c WHERE (SELECT true FROM treasure_box b WHERE b.id = c.box_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('box_claim', 'box_claim_box_id_fkey'); END IF;
  IF EXISTS (
    SELECT FROM added c WHERE (SELECT true FROM viewer v WHERE v.id = c.viewer_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('box_claim', 'box_claim_viewer_id_fkey'); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "box_claim_references" AFTER INSERT ON "box_claim"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION box_claim_references();

-- boxes_claim: any number of claims in one SQL transaction (group commit); one array position is one claim. Locks the boxes, then the
-- wallets and the account of the boxes (p_account); writes no event, and takes no log: the caller does, in the same transaction.
--
-- Outcomes, one per position: CLAIMED, REPLAYED (they have a share: this is it), UNKNOWN, OWN (they funded it), BANNED, EARLY, EMPTY,
-- CLOSED. Claims count in array order; the same viewer twice is one claim and its repeat.
--
-- Result: {"outcomes", "coins": the share, "until": of the ban, "opensAt", each one per position,
--          "boxes": [[boxId, streamId, shareCoins, shares left, opened by this?], …], "winners": [[boxId, viewerId, handle, displayName], …]}
CREATE FUNCTION boxes_claim(p_box bigint[], p_viewer bigint[], p_account bigint) RETURNS json LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  at timestamptz(3);
  o_kind text[]; o_coins bigint[]; o_until timestamptz[]; o_opens timestamptz[];
  -- the shares, in batch order
  w_box bigint[]; w_viewer bigint[]; w_coins bigint[]; w_wallet bigint[];
  -- their boxes
  t_box bigint[]; t_shares bigint[]; t_opened bigint[];
BEGIN
  PERFORM 1 FROM (SELECT id FROM treasure_box WHERE id = ANY(p_box) ORDER BY id FOR NO KEY UPDATE) locked;
  at := clock_timestamp();

  WITH judged AS (
    SELECT i.pos, i.box_id, i.viewer_id, b.claimed, b.shares, b.share_coins, b.opens_at, k.coins AS had, r.banned_until,
           row_number() OVER (PARTITION BY i.box_id, i.viewer_id ORDER BY i.pos) AS nth,
           CASE
             WHEN b.id IS NULL THEN 'UNKNOWN'
             WHEN k.coins IS NOT NULL THEN 'REPLAYED'
             WHEN b.viewer_id = i.viewer_id THEN 'OWN'
             WHEN r.banned_until > at THEN 'BANNED'
             WHEN b.claimed = b.shares THEN 'EMPTY'
             WHEN b.state = 'CLOSED' THEN 'CLOSED'
             -- What has opened stays open, whatever the clock does.
             WHEN b.state = 'FUNDED' AND at < b.opens_at THEN 'EARLY'
             WHEN at >= b.closes_at THEN 'CLOSED'
             ELSE 'CLAIMED'
           END AS verdict
      FROM unnest(p_box, p_viewer) WITH ORDINALITY i(box_id, viewer_id, pos)
        LEFT JOIN LATERAL (SELECT * FROM treasure_box WHERE id = i.box_id LIMIT 1) b ON true
        LEFT JOIN LATERAL (SELECT c.coins FROM box_claim c WHERE c.box_id = i.box_id AND c.viewer_id = i.viewer_id LIMIT 1) k ON true
        LEFT JOIN LATERAL (SELECT creator_id FROM stream WHERE id = b.stream_id LIMIT 1) s ON true
        LEFT JOIN LATERAL (
          SELECT max(banned_until) AS banned_until FROM restriction x
           WHERE x.viewer_id = i.viewer_id AND x.creator_id IN (0, s.creator_id)
        ) r ON true
  ), placed AS (
    SELECT j.*, j.claimed + count(*) FILTER (WHERE j.verdict = 'CLAIMED' AND j.nth = 1)
                  OVER (PARTITION BY j.box_id ORDER BY j.pos) AS place
      FROM judged j
  ), decided AS (
    SELECT p.*, CASE
        WHEN p.verdict <> 'CLAIMED' THEN p.verdict
        WHEN min(p.place) FILTER (WHERE p.nth = 1) OVER (PARTITION BY p.box_id, p.viewer_id) > p.shares THEN 'EMPTY'
        WHEN p.nth > 1 THEN 'REPLAYED'
        ELSE 'CLAIMED'
      END AS outcome
      FROM placed p
  )
  SELECT array_agg(d.outcome ORDER BY d.pos), array_agg(coalesce(d.had, d.share_coins) ORDER BY d.pos),
         array_agg(d.banned_until ORDER BY d.pos), array_agg(d.opens_at ORDER BY d.pos)
    INTO o_kind, o_coins, o_until, o_opens FROM decided d;

  SELECT array_agg(i.box_id ORDER BY i.pos), array_agg(i.viewer_id ORDER BY i.pos), array_agg(i.coins ORDER BY i.pos),
         array_agg(v.wallet_id ORDER BY i.pos)
    INTO w_box, w_viewer, w_coins, w_wallet
    FROM unnest(p_box, p_viewer, o_coins, o_kind) WITH ORDINALITY i(box_id, viewer_id, coins, outcome, pos)
      JOIN LATERAL (SELECT wallet_id FROM viewer WHERE id = i.viewer_id LIMIT 1) v ON true
    WHERE i.outcome = 'CLAIMED';

  IF w_box IS NOT NULL THEN
    PERFORM 1 FROM (SELECT id FROM ledger_account WHERE id = ANY(p_account || w_wallet) ORDER BY id FOR NO KEY UPDATE) locked;
    SELECT array_agg(w.box_id), array_agg(w.shares) INTO t_box, t_shares
      FROM (SELECT box_id, count(*) AS shares FROM unnest(w_box) u(box_id) GROUP BY box_id ORDER BY box_id) w;
    t_opened := ARRAY(SELECT b.id FROM treasure_box b WHERE b.id = ANY(t_box) AND b.state = 'FUNDED');
    INSERT INTO box_claim (box_id, viewer_id, coins, claimed_at) SELECT u.*, at FROM unnest(w_box, w_viewer, w_coins) u;
    UPDATE treasure_box b SET state = 'OPEN', claimed = b.claimed + t_shares[array_position(t_box, b.id)],
        due_at = CASE WHEN b.claimed + t_shares[array_position(t_box, b.id)] = b.shares THEN at ELSE b.closes_at END
      WHERE b.id = ANY(t_box);
    PERFORM wallet_move(array_fill(p_account, ARRAY[cardinality(w_box)]), w_wallet, array_fill('COIN'::text, ARRAY[cardinality(w_box)]),
                        w_coins, array_fill('BOX_CLAIMED'::text, ARRAY[cardinality(w_box)]), w_box, at);
  END IF;

  RETURN json_build_object(
    'outcomes', array_to_json(o_kind), 'coins', array_to_json(o_coins), 'until', array_to_json(o_until), 'opensAt', array_to_json(o_opens),
    'boxes', (
      SELECT json_agg(json_build_array(b.id, b.stream_id, b.share_coins, b.shares - b.claimed, b.id = ANY(t_opened)) ORDER BY b.id)
        FROM treasure_box b WHERE b.id = ANY(t_box)),
    'winners', (
      SELECT json_agg(json_build_array(w.box_id, v.id, v.handle, v.display_name) ORDER BY w.pos)
        FROM unnest(w_box, w_viewer) WITH ORDINALITY w(box_id, viewer_id, pos)
          JOIN LATERAL (SELECT * FROM viewer WHERE id = w.viewer_id LIMIT 1) v ON true)
  );
END $$;
