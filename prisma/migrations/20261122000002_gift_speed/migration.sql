-- Gifts at speed: the references of the hot tables are checked a statement at a time, and gifts_send_batch does less work.
--
-- A foreign key costs a trigger call and a look-up for every row: with up to 13 of them, almost half of what a gift cost. Here the
-- tables that gifts fill check the rows of a statement together: a trigger looks for new rows whose parent is missing and raises
-- foreign_key_violation under the name that the foreign key had. Any writer is checked, not only the functions below.
--
-- Why that is as safe as a foreign key, without its row locks: a parent that was once seen stays. No parent can be deleted or
-- truncated or change its key (the triggers *_stays refuse the statement), so
--   - a parent that another transaction has committed is there for good;
--   - a parent of the same transaction is older than the child: a rollback that takes it, takes the child too;
--   - a parent that nobody has committed yet is not seen, and the child is refused, as by a foreign key.
-- The children, in turn: transfer, live_event and gift_sent refuse every UPDATE; stream_gifter and gift_streak refuse a new key, and
-- a new kind of gift of a streak is checked as in an INSERT. Like foreign keys, triggers rest under session_replication_role = replica.

ALTER TABLE "transfer"
  DROP CONSTRAINT "transfer_debit_account_id_unit_fkey",
  DROP CONSTRAINT "transfer_credit_account_id_unit_fkey",
  DROP CONSTRAINT "transfer_reverses_fkey";
ALTER TABLE "live_event" DROP CONSTRAINT "live_event_stream_id_fkey";
ALTER TABLE "stream_gifter" DROP CONSTRAINT "stream_gifter_stream_id_fkey", DROP CONSTRAINT "stream_gifter_viewer_id_fkey";
ALTER TABLE "gift_sent" DROP CONSTRAINT "gift_sent_stream_id_viewer_id_fkey", DROP CONSTRAINT "gift_sent_gift_id_fkey";
ALTER TABLE "gift_streak" DROP CONSTRAINT "gift_streak_stream_id_viewer_id_fkey", DROP CONSTRAINT "gift_streak_gift_id_fkey";

-- ---- parents stay ------------------------------------------------------------------------------------------------------

-- Refuses the statement; the argument is the reference that it would break.
CREATE FUNCTION keep_parents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of "%" is refused: its rows are referred to, and their keys are for good', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_ARGV[0];
END $$;
CREATE TRIGGER "ledger_account_stays" BEFORE DELETE OR TRUNCATE OR UPDATE OF "id", "unit" ON "ledger_account"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('transfer_debit_account_id_unit_fkey');
CREATE TRIGGER "viewer_stays" BEFORE DELETE OR TRUNCATE OR UPDATE OF "id" ON "viewer"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('stream_gifter_viewer_id_fkey');
CREATE TRIGGER "stream_stays" BEFORE DELETE OR TRUNCATE OR UPDATE OF "id" ON "stream"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('stream_gifter_stream_id_fkey');
CREATE TRIGGER "live_log_stays" BEFORE DELETE OR TRUNCATE OR UPDATE OF "stream_id" ON "live_log"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('live_event_stream_id_fkey');
CREATE TRIGGER "gift_stays" BEFORE DELETE OR TRUNCATE OR UPDATE OF "id" ON "gift"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('gift_sent_gift_id_fkey');
CREATE TRIGGER "stream_gifter_stays" BEFORE DELETE OR TRUNCATE OR UPDATE OF "stream_id", "viewer_id" ON "stream_gifter"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('gift_sent_stream_id_viewer_id_fkey');
-- Transfers, which reversing ones refer to, refuse every change already.

-- ---- children have parents ---------------------------------------------------------------------------------------------

-- Refuses new rows in the words of Postgres.
CREATE FUNCTION refuse_orphan(p_table text, p_constraint text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'insert or update on table "%" violates foreign key constraint "%"', p_table, p_constraint
    USING ERRCODE = 'foreign_key_violation', TABLE = p_table, CONSTRAINT = p_constraint;
END $$;

-- The look-ups below are subqueries with LIMIT and no sequential scan: by index, whatever the tables looked like when the plan was
-- made and cached. A statement has few streams and kinds of gift: those are looked up once each.
CREATE FUNCTION transfer_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT debit_account_id AS id, unit FROM added) t
     WHERE (SELECT true FROM ledger_account a WHERE a.id = t.id AND a.unit = t.unit LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('transfer', 'transfer_debit_account_id_unit_fkey'); END IF;
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT credit_account_id AS id, unit FROM added) t
     WHERE (SELECT true FROM ledger_account a WHERE a.id = t.id AND a.unit = t.unit LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('transfer', 'transfer_credit_account_id_unit_fkey'); END IF;
  IF EXISTS (
    SELECT FROM added t
     WHERE t.reverses IS NOT NULL AND (SELECT true FROM transfer r WHERE r.id = t.reverses LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('transfer', 'transfer_reverses_fkey'); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "transfer_references" AFTER INSERT ON "transfer"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION transfer_references();

CREATE FUNCTION live_event_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT stream_id FROM added) e
     WHERE (SELECT true FROM live_log l WHERE l.stream_id = e.stream_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('live_event', 'live_event_stream_id_fkey'); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "live_event_references" AFTER INSERT ON "live_event"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION live_event_references();

CREATE FUNCTION stream_gifter_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT stream_id FROM added) t
     WHERE (SELECT true FROM stream s WHERE s.id = t.stream_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('stream_gifter', 'stream_gifter_stream_id_fkey'); END IF;
  IF EXISTS (
    SELECT FROM added t WHERE (SELECT true FROM viewer v WHERE v.id = t.viewer_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('stream_gifter', 'stream_gifter_viewer_id_fkey'); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "stream_gifter_references" AFTER INSERT ON "stream_gifter"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stream_gifter_references();

CREATE FUNCTION gift_sent_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM added g
     WHERE (SELECT true FROM stream_gifter t WHERE t.stream_id = g.stream_id AND t.viewer_id = g.viewer_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('gift_sent', 'gift_sent_stream_id_viewer_id_fkey'); END IF;
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT gift_id FROM added) g
     WHERE (SELECT true FROM gift WHERE id = g.gift_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('gift_sent', 'gift_sent_gift_id_fkey'); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "gift_sent_references" AFTER INSERT ON "gift_sent"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION gift_sent_references();

CREATE FUNCTION gift_streak_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  -- An UPDATE cannot change whose streak it is (gift_streak_stays), only the kind of gift.
  IF TG_OP = 'INSERT' AND EXISTS (
    SELECT FROM added o
     WHERE (SELECT true FROM stream_gifter t WHERE t.stream_id = o.stream_id AND t.viewer_id = o.viewer_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('gift_streak', 'gift_streak_stream_id_viewer_id_fkey'); END IF;
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT gift_id FROM added) o
     WHERE (SELECT true FROM gift WHERE id = o.gift_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('gift_streak', 'gift_streak_gift_id_fkey'); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "gift_streak_references" AFTER INSERT ON "gift_streak"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION gift_streak_references();
CREATE TRIGGER "gift_streak_references_update" AFTER UPDATE ON "gift_streak"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION gift_streak_references();
CREATE TRIGGER "gift_streak_stays" BEFORE UPDATE OF "stream_id", "viewer_id" ON "gift_streak"
  FOR EACH STATEMENT EXECUTE FUNCTION keep_parents('gift_streak_stream_id_viewer_id_fkey');

-- ---- the ledger and the log --------------------------------------------------------------------------------------------

-- What makes the statements below cheap: short arrays are read by position: unnest() would copy each of them first. Rows are
-- updated by "= ANY", which descends an index once for many keys, and is a plan that no statistics can turn into a bad join.
-- width_bucket() finds a value in a sorted array by halves; array_position() is for the short ones.
-- Sequential scans are off, so that a plan made while a table was empty is right when it is full.

-- wallet_move, as before: the only code that writes the ledger.
CREATE OR REPLACE FUNCTION wallet_move(
  p_debit bigint[], p_credit bigint[], p_unit text[], p_amount bigint[], p_kind text[], p_cause bigint[], p_at timestamptz
) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  account bigint[]; moved bigint[];
BEGIN
  INSERT INTO transfer (debit_account_id, credit_account_id, unit, amount, kind, cause_id, created_at)
    SELECT p_debit[n], p_credit[n], p_unit[n], p_amount[n], p_kind[n], p_cause[n], p_at FROM generate_subscripts(p_debit, 1) n;
  SELECT array_agg(a.id), array_agg(a.amount) INTO account, moved FROM (
    SELECT leg.id, sum(leg.amount)::bigint AS amount FROM (
      SELECT p_credit[n] AS id, p_amount[n] AS amount FROM generate_subscripts(p_debit, 1) n
      UNION ALL
      SELECT p_debit[n], -p_amount[n] FROM generate_subscripts(p_debit, 1) n
    ) leg GROUP BY leg.id ORDER BY leg.id
  ) a;
  UPDATE ledger_account SET balance = balance + moved[width_bucket(id, account)], version = version + 1 WHERE id = ANY(account);
END $$;

-- live_write: the only code that writes the log. The caller holds the heads' locks and has numbered the events behind them.
CREATE FUNCTION live_write(p_stream bigint[], p_seq bigint[], p_type text[], p_payload jsonb[], p_at timestamptz)
RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  log bigint[]; head bigint[];
BEGIN
  -- By unnest(): in an array of texts a position is found by counting, and a stream that ends may close thousands of streaks.
  INSERT INTO live_event (stream_id, seq, type, payload, occurred_at)
    SELECT e.*, p_at FROM unnest(p_stream, p_seq, p_type, p_payload) e;
  SELECT array_agg(h.stream_id), array_agg(h.seq) INTO log, head
    FROM (SELECT p_stream[n] AS stream_id, max(p_seq[n]) AS seq FROM generate_subscripts(p_stream, 1) n GROUP BY 1) h;
  UPDATE live_log SET last_seq = head[array_position(log, stream_id)] WHERE stream_id = ANY(log);
END $$;

-- live_append, as before: numbers the events of each stream in array order behind the log's head and returns the numbers,
-- position by position. Locks the heads (last in the lock order), so that order = commit order.
CREATE OR REPLACE FUNCTION live_append(p_stream bigint[], p_type text[], p_payload jsonb[], p_at timestamptz)
RETURNS bigint[] LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  log bigint[]; head bigint[]; seqs bigint[];
BEGIN
  SELECT array_agg(l.stream_id), array_agg(l.last_seq) INTO log, head
    FROM (SELECT stream_id, last_seq FROM live_log WHERE stream_id = ANY(p_stream) ORDER BY stream_id FOR NO KEY UPDATE) l;
  SELECT array_agg(i.seq) INTO seqs FROM (
    SELECT head[array_position(log, p_stream[i.n])] + row_number() OVER (PARTITION BY p_stream[i.n] ORDER BY i.n) AS seq
      FROM generate_subscripts(p_stream, 1) i(n) ORDER BY i.n
  ) i;
  IF array_position(seqs, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'live_append: a stream has no log' USING ERRCODE = 'foreign_key_violation';
  END IF;
  PERFORM live_write(p_stream, seqs, p_type, p_payload, p_at);
  RETURN seqs;
END $$;

-- ---- the batch ---------------------------------------------------------------------------------------------------------

-- Diamonds for all coins of a stream, rounded down. Divided before it is multiplied: nothing overflows, and numeric is slow.
CREATE FUNCTION diamonds_for(p_coins bigint, p_rate_coins bigint, p_rate_diamonds bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT p_coins / p_rate_coins * p_rate_diamonds + p_coins % p_rate_coins * p_rate_diamonds / p_rate_coins
$$;

-- gifts_send_batch: sends any number of gifts in one SQL transaction (group commit). One array position is one gift.
--
-- Outcomes, one per position: SENT, REPLAYED (same key, same input), CONFLICT (same key, other input), UNKNOWN_STREAM,
-- UNKNOWN_GIFT, STREAM_NOT_LIVE, INSUFFICIENT_COINS. Within the batch gifts count in array order: a viewer's balance runs
-- down gift by gift, and a refused gift does not stop a later one that the wallet covers.
-- The caller must not put one (viewer, key) into a batch twice.
--
-- Result, as the text of JSON: {"at", "outcomes": [outcome, …], "refused": [[position, coins before, price], …],
--          "replays": [[position, seq, occurredAt, payload], …], "events": [[streamId, seq, type, payload], …],
--          "wallets": [[viewerId, coins, version], …]}; positions start at 1. The events are in batch order, a StreakEnded just
--          before the gift that broke the streak: the GIFT_SENT among them are the SENT among the outcomes.
--
-- Every array is one value per position of the batch, or per stream (s_), kind of gift (k_) or event (e_) of it. They are filled by
-- array_agg over a sorted subquery, and never beside an aggregate that sorts by itself, which would reorder them all.
DROP FUNCTION gifts_send_batch(bigint[], text[], bigint[], bigint[], integer[], interval);
CREATE FUNCTION gifts_send_batch(
  p_viewer bigint[], p_key text[], p_stream bigint[], p_gift bigint[], p_quantity integer[], p_streak_window interval
) RETURNS text LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  r record;
  at timestamptz(3);
  previous int; walked bigint; remaining bigint;
  wallet bigint[]; sender text[]; available bigint[]; stream int[]; cost bigint[]; outcome text[];
  streak int[]; streak_coins bigint[]; ended_gift bigint[]; ended_total int[]; ended_coins bigint[];
  gave bigint[]; sent_id bigint[]; sent_seq bigint[]; diamonds bigint[];
  -- Positions: of the gifts that are sent, of those that earn diamonds, of the last of each viewer in a stream.
  sent int[]; earning int[]; last int[];
  account bigint[]; coins_in bigint[]; log bigint[]; head bigint[];
  s_id bigint[]; s_live boolean[]; s_coins bigint[]; s_rate_coins bigint[]; s_rate_diamonds bigint[];
  s_gifts bigint[]; s_issuance bigint[]; s_pending bigint[];
  k_id bigint[]; k_active boolean[]; k_coins bigint[]; k_shown text[];
  e_stream bigint[]; e_seq bigint[]; e_type text[]; e_payload jsonb[];
  told text; refused text; replays text;
BEGIN
  -- 1. Lock, in the one order of the whole schema, in statements of their own: what follows sees what others committed.
  SELECT array_agg(v.wallet_id), array_agg(v.sender) INTO wallet, sender FROM (
    SELECT v.wallet_id, concat('{"id":', v.id, ',"handle":"', v.handle, '","displayName":', to_json(v.display_name), '}') AS sender
      FROM generate_subscripts(p_viewer, 1) i(n)
        LEFT JOIN LATERAL (SELECT * FROM viewer WHERE id = p_viewer[i.n] LIMIT 1) v ON true
      ORDER BY i.n
  ) v;
  SELECT array_agg(l.id), array_agg(l.balance) INTO account, coins_in FROM (
    SELECT id, balance FROM ledger_account WHERE id = ANY(wallet || ARRAY(
      SELECT unnest(ARRAY[gifts_account_id, issuance_account_id, pending_account_id]) FROM stream WHERE id = ANY(p_stream)
    )) ORDER BY id FOR NO KEY UPDATE
  ) l;
  SELECT array_agg(l.stream_id), array_agg(l.last_seq) INTO log, head
    FROM (SELECT stream_id, last_seq FROM live_log WHERE stream_id = ANY(p_stream) ORDER BY stream_id FOR NO KEY UPDATE) l;
  at := clock_timestamp();

  -- 2. Judge every gift as if it were its viewer's only one, and see which streak it continues or ends.
  SELECT array_agg(id), array_agg(status = 'LIVE'), array_agg(gift_coins), array_agg(rate_coins), array_agg(rate_diamonds),
         array_agg(gifts_account_id), array_agg(issuance_account_id), array_agg(pending_account_id)
    INTO s_id, s_live, s_coins, s_rate_coins, s_rate_diamonds, s_gifts, s_issuance, s_pending
    FROM stream WHERE id = ANY(p_stream);
  SELECT array_agg(id), array_agg(active), array_agg(coins) INTO k_id, k_active, k_coins FROM gift WHERE id = ANY(p_gift);
  SELECT array_agg(j.s), array_agg(j.coins), array_agg(j.available), array_agg(
           CASE WHEN j.is_same THEN 'REPLAYED'
                WHEN NOT j.is_same THEN 'CONFLICT'
                WHEN j.s IS NULL THEN 'UNKNOWN_STREAM'
                WHEN j.k IS NULL OR NOT k_active[j.k] THEN 'UNKNOWN_GIFT'
                WHEN NOT s_live[j.s] THEN 'STREAM_NOT_LIVE'
                WHEN j.coins > j.available THEN 'INSUFFICIENT_COINS'
                ELSE 'SENT' END),
         array_agg(CASE WHEN j.continues THEN p_quantity[j.n] + j.open_total ELSE p_quantity[j.n] END),
         array_agg(CASE WHEN j.continues THEN j.coins + j.open_coins ELSE j.coins END),
         array_agg(CASE WHEN NOT j.continues THEN j.open_gift END), array_agg(j.open_total), array_agg(j.open_coins)
    INTO stream, cost, available, outcome, streak, streak_coins, ended_gift, ended_total, ended_coins
    FROM (
      SELECT i.n, i.s, i.k, k_coins[i.k] * p_quantity[i.n] AS coins,
             coalesce(coins_in[width_bucket(wallet[i.n], account)], 0) AS available,
             (g.stream_id, g.gift_id, g.quantity) = (p_stream[i.n], p_gift[i.n], p_quantity[i.n]) AS is_same,
             o.gift_id AS open_gift, o.total AS open_total, o.coins AS open_coins,
             o.gift_id = p_gift[i.n] AND o.expires_at >= at AS continues
        FROM (
          SELECT n, array_position(s_id, p_stream[n]) AS s, array_position(k_id, p_gift[n]) AS k
            FROM generate_subscripts(p_viewer, 1) n OFFSET 0
        ) i
          LEFT JOIN LATERAL (
            SELECT * FROM gift_sent WHERE viewer_id = p_viewer[i.n] AND idempotency_key = p_key[i.n] LIMIT 1
          ) g ON true
          LEFT JOIN LATERAL (
            SELECT * FROM gift_streak WHERE stream_id = p_stream[i.n] AND viewer_id = p_viewer[i.n] LIMIT 1
          ) o ON true
        ORDER BY i.n
    ) j;
  gave := cost;

  -- 3. Only where a viewer has several gifts, walk in order: a running sum would refuse a small gift after a refused large one.
  --    Then each gift of a viewer in a stream follows on the streak that the one before has left.
  IF (SELECT count(DISTINCT id) < count(*) FROM unnest(p_viewer) id) THEN
    FOR r IN
      SELECT n, p_viewer[n] AS viewer_id FROM generate_subscripts(p_viewer, 1) n
        WHERE outcome[n] IN ('SENT', 'INSUFFICIENT_COINS') ORDER BY 2, 1
    LOOP
      IF walked IS DISTINCT FROM r.viewer_id THEN walked := r.viewer_id; remaining := available[r.n]; END IF;
      available[r.n] := remaining;
      IF cost[r.n] > remaining THEN
        outcome[r.n] := 'INSUFFICIENT_COINS';
      ELSE
        outcome[r.n] := 'SENT';
        remaining := remaining - cost[r.n];
      END IF;
    END LOOP;
    FOR r IN
      SELECT n FROM generate_subscripts(p_viewer, 1) n WHERE outcome[n] = 'SENT' ORDER BY p_stream[n], p_viewer[n], n
    LOOP
      IF p_stream[r.n] = p_stream[previous] AND p_viewer[r.n] = p_viewer[previous] THEN
        gave[r.n] := gave[previous] + cost[r.n];
        gave[previous] := NULL;
        IF p_gift[r.n] = p_gift[previous] THEN
          streak[r.n] := streak[previous] + p_quantity[r.n];
          streak_coins[r.n] := streak_coins[previous] + cost[r.n];
          ended_gift[r.n] := NULL;
        ELSE
          streak[r.n] := p_quantity[r.n];
          streak_coins[r.n] := cost[r.n];
          ended_gift[r.n] := p_gift[previous];
          ended_total[r.n] := streak[previous];
          ended_coins[r.n] := streak_coins[previous];
        END IF;
      END IF;
      previous := r.n;
    END LOOP;
  END IF;
  SELECT array_agg(n), array_agg(n) FILTER (WHERE gave[n] IS NOT NULL) INTO sent, last
    FROM generate_subscripts(p_viewer, 1) n WHERE outcome[n] = 'SENT';

  IF sent IS NOT NULL THEN
    -- 4. Number the gifts and their events behind the logs' heads. Diamonds are rounded on the stream's running total of coins, so
    --    that no half diamond is lost gift by gift.
    SELECT array_agg(t.id), array_agg(t.seq), array_agg(t.diamonds), array_agg(t.n) FILTER (WHERE t.diamonds > 0)
      INTO sent_id, sent_seq, diamonds, earning
      FROM (
        SELECT t.n, CASE WHEN t.events > 0 THEN nextval('gift_sent_id_seq') END AS id,
               head[array_position(log, p_stream[t.n])] + t.seq AS seq,
               diamonds_for(t.total, s_rate_coins[t.s], s_rate_diamonds[t.s])
             - diamonds_for(t.total - t.coins, s_rate_coins[t.s], s_rate_diamonds[t.s]) AS diamonds
          FROM (
            SELECT i.*, s_coins[i.s] + (sum(i.coins) OVER w)::bigint AS total, sum(i.events) OVER w AS seq
              FROM (
                SELECT n, stream[n] AS s, CASE WHEN outcome[n] = 'SENT' THEN cost[n] ELSE 0 END AS coins,
                       CASE WHEN outcome[n] <> 'SENT' THEN 0 WHEN ended_gift[n] IS NULL THEN 1 ELSE 2 END AS events
                  FROM generate_subscripts(p_viewer, 1) n
              ) i WINDOW w AS (PARTITION BY i.s ORDER BY i.n)
          ) t ORDER BY t.n
      ) t;
    SELECT array_agg(id), array_agg(concat('{"id":', id, ',"name":', to_json(name), ',"coins":', coins, '}'))
      INTO k_id, k_shown FROM gift WHERE id = ANY(p_gift || ended_gift);
    SELECT array_agg(e.stream_id), array_agg(e.seq), array_agg(e.type), array_agg(e.payload::jsonb),
           string_agg(concat('[', e.stream_id, ',', e.seq, ',"', e.type, '",', e.payload, ']'), ',')
      INTO e_stream, e_seq, e_type, e_payload, told
      FROM (
        SELECT p_stream[i.n] AS stream_id, sent_seq[i.n] - p.before AS seq,
               CASE p.before WHEN 0 THEN 'GIFT_SENT' ELSE 'STREAK_ENDED' END AS type,
               CASE p.before WHEN 0 THEN
                 concat('{"sender":', sender[i.n], ',"gift":', k_shown[array_position(k_id, p_gift[i.n])],
                        ',"quantity":', p_quantity[i.n], ',"coins":', cost[i.n], ',"streak":', streak[i.n], '}')
               ELSE
                 concat('{"sender":', sender[i.n], ',"gift":', k_shown[array_position(k_id, ended_gift[i.n])],
                        ',"total":', ended_total[i.n], ',"coins":', ended_coins[i.n], '}')
               END AS payload
          FROM unnest(sent) i(n), (VALUES (1), (0)) p(before)
          WHERE p.before = 0 OR ended_gift[i.n] IS NOT NULL
          ORDER BY i.n, p.before DESC
      ) e;

    -- 5. Write the log, the gifts and the ledger.
    PERFORM live_write(e_stream, e_seq, e_type, e_payload, at);
    INSERT INTO stream_gifter AS t (stream_id, viewer_id, coins)
      SELECT p_stream[n], p_viewer[n], gave[n] FROM unnest(last) n
      ON CONFLICT (stream_id, viewer_id) DO UPDATE SET coins = t.coins + EXCLUDED.coins;
    INSERT INTO gift_streak (stream_id, viewer_id, gift_id, total, coins, expires_at)
      SELECT p_stream[n], p_viewer[n], p_gift[n], streak[n], streak_coins[n], at + p_streak_window FROM unnest(last) n
      ON CONFLICT (stream_id, viewer_id) DO UPDATE
        SET gift_id = EXCLUDED.gift_id, total = EXCLUDED.total, coins = EXCLUDED.coins, expires_at = EXCLUDED.expires_at;
    SELECT array_agg(t.id), array_agg(t.coins) INTO s_id, s_coins
      FROM (SELECT p_stream[n] AS id, sum(cost[n])::bigint AS coins FROM unnest(sent) n GROUP BY 1) t;
    UPDATE stream SET gift_coins = gift_coins + s_coins[array_position(s_id, id)] WHERE id = ANY(s_id);
    INSERT INTO gift_sent (id, viewer_id, idempotency_key, stream_id, gift_id, quantity, coins, diamonds, seq, created_at)
      SELECT sent_id[n], p_viewer[n], p_key[n], p_stream[n], p_gift[n], p_quantity[n], cost[n], diamonds[n], sent_seq[n], at
        FROM unnest(sent) n;
    PERFORM wallet_move(
      ARRAY(SELECT wallet[n] FROM unnest(sent) n) || ARRAY(SELECT s_issuance[stream[n]] FROM unnest(earning) n),
      ARRAY(SELECT s_gifts[stream[n]] FROM unnest(sent) n) || ARRAY(SELECT s_pending[stream[n]] FROM unnest(earning) n),
      ARRAY(SELECT 'COIN'::text FROM unnest(sent)) || ARRAY(SELECT 'DIAMOND'::text FROM unnest(earning)),
      ARRAY(SELECT cost[n] FROM unnest(sent) n) || ARRAY(SELECT diamonds[n] FROM unnest(earning) n),
      ARRAY(SELECT 'GIFT_SPENT'::text FROM unnest(sent)) || ARRAY(SELECT 'GIFT_EARNED'::text FROM unnest(earning)),
      ARRAY(SELECT sent_id[n] FROM unnest(sent) n) || ARRAY(SELECT sent_id[n] FROM unnest(earning) n),
      at
    );
  END IF;

  -- 6. Answer. Put together as text: to make it json here would only parse again what is known to be right.
  IF 'INSUFFICIENT_COINS' = ANY(outcome) THEN
    SELECT json_agg(json_build_array(n, available[n], cost[n])) INTO refused
      FROM generate_subscripts(p_viewer, 1) n WHERE outcome[n] = 'INSUFFICIENT_COINS';
  END IF;
  IF 'REPLAYED' = ANY(outcome) THEN
    SELECT json_agg(json_build_array(i.n, e.seq, e.occurred_at, e.payload)) INTO replays
      FROM generate_subscripts(p_viewer, 1) i(n)
        JOIN LATERAL (SELECT * FROM gift_sent WHERE viewer_id = p_viewer[i.n] AND idempotency_key = p_key[i.n] LIMIT 1) g ON true
        JOIN LATERAL (SELECT * FROM live_event WHERE stream_id = g.stream_id AND seq = g.seq LIMIT 1) e ON true
      WHERE outcome[i.n] = 'REPLAYED';
  END IF;
  RETURN concat(
    '{"at":', to_json(at), ',"outcomes":', array_to_json(outcome), ',"refused":', coalesce(refused, '[]'),
    ',"replays":', coalesce(replays, '[]'), ',"events":[', told, '],"wallets":[', (
      SELECT string_agg(concat('[', owner_id, ',', balance, ',', version, ']'), ',') FROM ledger_account WHERE id = ANY(wallet)),
    ']}');
END $$;
