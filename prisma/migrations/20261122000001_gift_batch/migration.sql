-- gifts_send_batch: sends any number of gifts in one SQL transaction (group commit). One array position is one gift.
--
-- Outcomes, one per position: SENT, REPLAYED (same key, same input), CONFLICT (same key, other input), UNKNOWN_STREAM,
-- UNKNOWN_GIFT, STREAM_NOT_LIVE, INSUFFICIENT_COINS. Within the batch gifts count in array order: a viewer's balance runs
-- down gift by gift, and a refused gift does not stop a later one that the wallet covers.
-- The caller must not put one (viewer, key) into a batch twice.
--
-- Result: {"at", "outcomes": [outcome, …], "available": coins before a refusal, "required": price, "gifts": [[position, seq], …],
--          "replays": [[position, seq, occurredAt, payload], …], "events": [[streamId, seq, type, payload], …],
--          "wallets": [[viewerId, coins, version], …]}; positions start at 1.
--
-- The statements zip arrays and look rows up one by one. "JOIN LATERAL (… LIMIT 1)" and the planner settings keep it so: a
-- plain join that was planned while the tables were empty is a scan of all gifts ever sent, and the plan is cached.
CREATE FUNCTION gifts_send_batch(
  p_viewer bigint[], p_key text[], p_stream bigint[], p_gift bigint[], p_quantity integer[], p_streak_window interval
) RETURNS json LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  r record;
  wallet bigint[];
  at timestamptz(3);
  outcome text[]; cost bigint[]; available bigint[]; any_short boolean; any_replay boolean;
  walked bigint; remaining bigint;
  -- the accepted gifts, in batch order
  a_pos bigint[]; a_viewer bigint[]; a_key text[]; a_stream bigint[]; a_gift bigint[]; a_quantity integer[]; a_coins bigint[];
  a_id bigint[]; a_diamonds bigint[]; a_seq bigint[];
  a_wallet bigint[]; a_gifts bigint[]; a_issuance bigint[]; a_pending bigint[];
  -- their events, with the streak ends that they cause
  e_stream bigint[]; e_type text[]; e_payload jsonb[]; e_gift bigint[]; e_seq bigint[];
BEGIN
  -- 1. Lock, in the one order of the whole schema, in statements of their own: what follows sees what others committed.
  SELECT array_agg(v.wallet_id ORDER BY i.pos) INTO wallet
    FROM unnest(p_viewer) WITH ORDINALITY i(id, pos)
      LEFT JOIN LATERAL (SELECT wallet_id FROM viewer WHERE id = i.id LIMIT 1) v ON true;
  PERFORM 1 FROM (
    SELECT id FROM ledger_account WHERE id = ANY(wallet || ARRAY(
      SELECT unnest(ARRAY[s.gifts_account_id, s.issuance_account_id, s.pending_account_id]) FROM stream s WHERE s.id = ANY(p_stream)
    )) ORDER BY id FOR NO KEY UPDATE
  ) locked;
  PERFORM 1 FROM (SELECT stream_id FROM live_log WHERE stream_id = ANY(p_stream) ORDER BY stream_id FOR NO KEY UPDATE) locked;
  at := clock_timestamp();

  -- 2. Judge every gift by itself, and note whether somebody's gifts add up to more than the wallet holds.
  SELECT array_agg(j.outcome ORDER BY j.pos), array_agg(j.coins ORDER BY j.pos), array_agg(j.balance ORDER BY j.pos),
         bool_or(j.outcome = 'REPLAYED'), bool_or(j.due > j.balance)
    INTO outcome, cost, available, any_replay, any_short
    FROM (
      SELECT i.*, sum(CASE WHEN i.outcome = 'SENT' THEN i.coins ELSE 0 END) OVER (PARTITION BY i.viewer_id ORDER BY i.pos) AS due
        FROM (
          SELECT i.pos, i.viewer_id, g.coins * i.quantity AS coins, coalesce(w.balance, 0) AS balance,
            CASE
              WHEN k.id IS NOT NULL AND (k.stream_id, k.gift_id, k.quantity) = (i.stream_id, i.gift_id, i.quantity) THEN 'REPLAYED'
              WHEN k.id IS NOT NULL THEN 'CONFLICT'
              WHEN s.id IS NULL THEN 'UNKNOWN_STREAM'
              WHEN g.id IS NULL OR NOT g.active THEN 'UNKNOWN_GIFT'
              WHEN s.status <> 'LIVE' THEN 'STREAM_NOT_LIVE'
              ELSE 'SENT'
            END AS outcome
          FROM unnest(p_viewer, p_key, p_stream, p_gift, p_quantity, wallet)
              WITH ORDINALITY i(viewer_id, key, stream_id, gift_id, quantity, wallet_id, pos)
            LEFT JOIN LATERAL (SELECT * FROM gift_sent WHERE viewer_id = i.viewer_id AND idempotency_key = i.key LIMIT 1) k ON true
            LEFT JOIN LATERAL (SELECT * FROM stream WHERE id = i.stream_id LIMIT 1) s ON true
            LEFT JOIN LATERAL (SELECT * FROM gift WHERE id = i.gift_id LIMIT 1) g ON true
            LEFT JOIN LATERAL (SELECT * FROM ledger_account WHERE id = i.wallet_id LIMIT 1) w ON true
        ) i
    ) j;

  -- 3. Only then walk the gifts in order: a running sum alone would refuse a small gift after a refused large one.
  IF any_short THEN
    FOR r IN SELECT i.* FROM unnest(p_viewer, outcome, cost, available) WITH ORDINALITY i(viewer_id, outcome, coins, balance, pos)
        WHERE i.outcome = 'SENT' ORDER BY i.viewer_id, i.pos LOOP
      IF walked IS DISTINCT FROM r.viewer_id THEN walked := r.viewer_id; remaining := r.balance; END IF;
      IF remaining >= r.coins THEN
        remaining := remaining - r.coins;
      ELSE
        outcome[r.pos] := 'INSUFFICIENT_COINS';
        available[r.pos] := remaining;
      END IF;
    END LOOP;
  END IF;

  SELECT array_agg(i.pos), array_agg(i.viewer_id), array_agg(i.key), array_agg(i.stream_id), array_agg(i.gift_id),
         array_agg(i.quantity), array_agg(i.coins), array_agg(i.wallet_id)
    INTO a_pos, a_viewer, a_key, a_stream, a_gift, a_quantity, a_coins, a_wallet
    FROM unnest(p_viewer, p_key, p_stream, p_gift, p_quantity, cost, wallet, outcome)
      WITH ORDINALITY i(viewer_id, key, stream_id, gift_id, quantity, coins, wallet_id, outcome, pos)
    WHERE i.outcome = 'SENT';

  IF a_pos IS NOT NULL THEN
    -- 4. Streaks and events. Consecutive gifts of one kind by one viewer in one stream are an island; island 0 continues the
    --    streak that is open in the table. A StreakEnded stands just before the gift that broke the streak.
    WITH linked AS (
      SELECT i.*, g.name AS gift_name, g.coins AS gift_coins, v.handle, v.display_name,
             lag(i.gift_id) OVER w AS previous_gift, lead(i.n) OVER w AS next_n, lead(i.gift_id) OVER w AS next_gift,
             o.gift_id AS open_gift, o.total AS open_total, o.coins AS open_coins,
             o.gift_id IS NOT DISTINCT FROM i.gift_id AND o.expires_at >= at AS continues
        FROM unnest(a_viewer, a_stream, a_gift, a_quantity, a_coins) WITH ORDINALITY i(viewer_id, stream_id, gift_id, quantity, coins, n)
          JOIN LATERAL (SELECT * FROM gift WHERE id = i.gift_id LIMIT 1) g ON true
          JOIN LATERAL (SELECT * FROM viewer WHERE id = i.viewer_id LIMIT 1) v ON true
          LEFT JOIN LATERAL (
            SELECT * FROM gift_streak WHERE stream_id = i.stream_id AND viewer_id = i.viewer_id LIMIT 1
          ) o ON true
        WINDOW w AS (PARTITION BY i.stream_id, i.viewer_id ORDER BY i.n)
    ), island AS (
      SELECT l.*, sum(CASE WHEN previous_gift IS NULL THEN (NOT continues)::int ELSE (previous_gift <> gift_id)::int END)
          OVER (PARTITION BY stream_id, viewer_id ORDER BY n) AS island
        FROM linked l
    ), counted AS MATERIALIZED (
      SELECT i.*,
             sum(quantity) OVER w + CASE WHEN island = 0 THEN open_total ELSE 0 END AS streak,
             sum(coins) OVER w + CASE WHEN island = 0 THEN open_coins ELSE 0 END AS streak_coins,
             jsonb_build_object('id', viewer_id, 'handle', handle, 'displayName', display_name) AS sender,
             jsonb_build_object('id', gift_id, 'name', gift_name, 'coins', gift_coins) AS gift
        FROM island i WINDOW w AS (PARTITION BY stream_id, viewer_id, island ORDER BY n)
    ), entry AS (
      SELECT n, 1 AS part, stream_id, 'GIFT_SENT' AS type,
             jsonb_build_object('sender', sender, 'gift', gift, 'quantity', quantity, 'coins', coins, 'streak', streak) AS payload
        FROM counted
      UNION ALL
      SELECT next_n, 0, stream_id, 'STREAK_ENDED',
             jsonb_build_object('sender', sender, 'gift', gift, 'total', streak, 'coins', streak_coins)
        FROM counted WHERE next_gift <> gift_id
      UNION ALL
      SELECT n, 0, c.stream_id, 'STREAK_ENDED', jsonb_build_object('sender', sender, 'gift',
             jsonb_build_object('id', g.id, 'name', g.name, 'coins', g.coins), 'total', open_total, 'coins', open_coins)
        FROM counted c JOIN LATERAL (SELECT * FROM gift WHERE id = c.open_gift LIMIT 1) g ON true
        WHERE previous_gift IS NULL AND NOT continues
    ), streaks AS (
      INSERT INTO gift_streak AS o (stream_id, viewer_id, gift_id, total, coins, expires_at)
        SELECT stream_id, viewer_id, gift_id, streak, streak_coins, at + p_streak_window FROM counted WHERE next_n IS NULL
        ON CONFLICT (stream_id, viewer_id) DO UPDATE
          SET gift_id = EXCLUDED.gift_id, total = EXCLUDED.total, coins = EXCLUDED.coins, expires_at = EXCLUDED.expires_at
    ), gifters AS (
      INSERT INTO stream_gifter AS t (stream_id, viewer_id, coins)
        SELECT stream_id, viewer_id, sum(coins) FROM counted GROUP BY stream_id, viewer_id
        ON CONFLICT (stream_id, viewer_id) DO UPDATE SET coins = t.coins + EXCLUDED.coins
    )
    SELECT array_agg(stream_id ORDER BY n, part), array_agg(type ORDER BY n, part), array_agg(payload ORDER BY n, part),
           array_agg(CASE part WHEN 1 THEN n END ORDER BY n, part)
      INTO e_stream, e_type, e_payload, e_gift FROM entry;

    -- 5. Diamonds are rounded on the stream's running total of coins, so that no half diamond is lost gift by gift.
    SELECT array_agg(nextval('gift_sent_id_seq') ORDER BY d.n), array_agg(d.diamonds ORDER BY d.n),
           array_agg(d.gifts_account_id ORDER BY d.n), array_agg(d.issuance_account_id ORDER BY d.n),
           array_agg(d.pending_account_id ORDER BY d.n)
      INTO a_id, a_diamonds, a_gifts, a_issuance, a_pending
      FROM (
        SELECT t.*, div(t.total::numeric * t.rate_diamonds, t.rate_coins)::bigint
                  - div((t.total - t.coins)::numeric * t.rate_diamonds, t.rate_coins)::bigint AS diamonds
          FROM (
            SELECT i.n, i.coins, s.rate_diamonds, s.rate_coins, s.gifts_account_id, s.issuance_account_id, s.pending_account_id,
                   s.gift_coins + sum(i.coins) OVER (PARTITION BY i.stream_id ORDER BY i.n) AS total
              FROM unnest(a_stream, a_coins) WITH ORDINALITY i(stream_id, coins, n)
                JOIN LATERAL (SELECT * FROM stream WHERE id = i.stream_id LIMIT 1) s ON true
          ) t
      ) d;
    UPDATE stream s SET gift_coins = s.gift_coins + t.coins
      FROM (SELECT id, sum(coins)::bigint AS coins FROM unnest(a_stream, a_coins) u(id, coins) GROUP BY id) t WHERE s.id = t.id;

    -- 6. Write the log, the gifts and the ledger.
    e_seq := live_append(e_stream, e_type, e_payload, at);
    SELECT array_agg(u.seq ORDER BY u.n) INTO a_seq FROM unnest(e_gift, e_seq) u(n, seq) WHERE u.n IS NOT NULL;
    INSERT INTO gift_sent (id, viewer_id, idempotency_key, stream_id, gift_id, quantity, coins, diamonds, seq, created_at)
      SELECT u.*, at FROM unnest(a_id, a_viewer, a_key, a_stream, a_gift, a_quantity, a_coins, a_diamonds, a_seq) u;
    PERFORM wallet_move(
      array_agg(t.debit), array_agg(t.credit), array_agg(t.unit), array_agg(t.amount), array_agg(t.kind), array_agg(t.cause), at
    ) FROM (
      SELECT u.wallet AS debit, u.gifts AS credit, 'COIN' AS unit, u.coins AS amount, 'GIFT_SPENT' AS kind, u.id AS cause
        FROM unnest(a_wallet, a_gifts, a_coins, a_id) u(wallet, gifts, coins, id)
      UNION ALL
      SELECT u.issuance, u.pending, 'DIAMOND', u.diamonds, 'GIFT_EARNED', u.id
        FROM unnest(a_issuance, a_pending, a_diamonds, a_id) u(issuance, pending, diamonds, id) WHERE u.diamonds > 0
    ) t;
  END IF;

  RETURN json_build_object(
    'at', at,
    'outcomes', array_to_json(outcome),
    'available', array_to_json(available),
    'required', array_to_json(cost),
    'gifts', (SELECT json_agg(json_build_array(u.pos, u.seq)) FROM unnest(a_pos, a_seq) u(pos, seq)),
    'events', (SELECT json_agg(json_build_array(u.stream_id, u.seq, u.type, u.payload))
      FROM unnest(e_stream, e_seq, e_type, e_payload) u(stream_id, seq, type, payload)),
    'replays', CASE WHEN any_replay THEN (
      SELECT json_agg(json_build_array(i.pos, e.seq, e.occurred_at, e.payload))
        FROM unnest(p_viewer, p_key, outcome) WITH ORDINALITY i(viewer_id, key, outcome, pos)
          JOIN LATERAL (SELECT * FROM gift_sent WHERE viewer_id = i.viewer_id AND idempotency_key = i.key LIMIT 1) k ON true
          JOIN LATERAL (SELECT * FROM live_event WHERE stream_id = k.stream_id AND seq = k.seq LIMIT 1) e ON true
        WHERE i.outcome = 'REPLAYED') END,
    'wallets', (
      SELECT json_agg(json_build_array(w.owner_id, w.balance, w.version)) FROM (SELECT DISTINCT id FROM unnest(wallet) u(id)) v
        JOIN LATERAL (SELECT * FROM ledger_account WHERE id = v.id LIMIT 1) w ON true)
  );
END $$;
