-- What writes and counts gifts, by the partitions of the migration before this one. Until then the functions of before hold: they write
-- through the same triggers, which refuse a key that is taken.

-- gifts_send_batch, as in the migration gift_rules; but keys are looked up in gift_key, ids carry their month, a gift remembers its
-- streak, and a replay whose event is pruned is told from gift_sent: as it was, with the names of now.
CREATE OR REPLACE FUNCTION gifts_send_batch(
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
  several boolean; gifts_from timestamptz[]; barred text[]; cap_gift bigint[]; cap_left bigint[]; spendable bigint;
  -- Positions: of the gifts that are sent, of those that earn diamonds, of the last of each viewer in a stream.
  sent int[]; earning int[]; last int[];
  account bigint[]; coins_in bigint[]; log bigint[]; head bigint[]; t_id bigint[]; t_coins bigint[];
  s_id bigint[]; s_live boolean[]; s_coins bigint[]; s_rate_coins bigint[]; s_rate_diamonds bigint[];
  s_gifts bigint[]; s_issuance bigint[]; s_pending bigint[]; s_creator bigint[]; s_queued int[]; s_mark bigint[]; s_counts boolean[];
  k_id bigint[]; k_active boolean[]; k_coins bigint[]; k_shown text[];
  e_stream bigint[]; e_seq bigint[]; e_type text[]; e_payload jsonb[];
  -- Spending limits of viewers in the batch, and what gifts earn in reactions: position, rule, id; r_full do not fit into the queue.
  l_viewer bigint[]; l_gift bigint[]; l_left bigint[];
  r_n int[]; r_rule bigint[]; r_id bigint[]; r_full int[]; r_stream bigint[]; r_count int[]; r_ms bigint[];
  ruled boolean; judged_streak int[]; judged_streak_coins bigint[]; judged_ended bigint[]; judged_total int[]; judged_coins bigint[];
  known bigint[]; hits int[]; position int; first_id bigint;
  told text; refused text; replays text; capped text; kept_out text; counting int[];
BEGIN
  -- 1. Lock, in the one order of the whole schema, in statements of their own: what follows sees what others committed.
  SELECT array_agg(v.wallet_id), array_agg(v.sender), array_agg(v.gifts_from) INTO wallet, sender, gifts_from FROM (
    SELECT v.wallet_id, v.gifts_from, concat('{"id":', v.id, ',"handle":"', v.handle, '","displayName":', to_json(v.display_name), '}') AS sender
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
         array_agg(gifts_account_id), array_agg(issuance_account_id), array_agg(pending_account_id),
         array_agg(creator_id), array_agg(reactions_queued), array_agg(coin_mark), array_agg(counts_gifts)
    INTO s_id, s_live, s_coins, s_rate_coins, s_rate_diamonds, s_gifts, s_issuance, s_pending, s_creator, s_queued, s_mark, s_counts
    FROM stream WHERE id = ANY(p_stream);
  SELECT array_agg(id), array_agg(active), array_agg(coins) INTO k_id, k_active, k_coins FROM gift WHERE id = ANY(p_gift);
  -- Who may not gift, and who has limits: mostly nobody, which one look at each index says.
  IF EXISTS (SELECT FROM restriction WHERE viewer_id = ANY(p_viewer) AND gifts_until > at) THEN
    SELECT array_agg(b.outcome) INTO barred FROM (
      SELECT (
        SELECT CASE WHEN bool_or(b.banned_until > at) THEN 'BANNED' WHEN count(*) > 0 THEN 'MUTED' END FROM restriction b
         WHERE b.viewer_id = p_viewer[i.n] AND b.creator_id IN (0, s_creator[array_position(s_id, p_stream[i.n])]) AND b.gifts_until > at
      ) AS outcome FROM generate_subscripts(p_viewer, 1) i(n) ORDER BY i.n
    ) b;
  END IF;
  SELECT array_agg(l.viewer_id), array_agg(l.gift_cap), array_agg(l.spendable) INTO l_viewer, l_gift, l_left FROM (
    SELECT l.viewer_id, c.gift_cap, least(c.day_left, c.month_left) AS spendable
      FROM spending_limit l, spending_left(l, at) c WHERE l.viewer_id = ANY(p_viewer) ORDER BY l.viewer_id
  ) l;
  IF l_viewer IS NOT NULL THEN
    SELECT array_agg(CASE WHEN l_viewer[l.place] = p_viewer[l.n] THEN l_gift[l.place] END),
           array_agg(CASE WHEN l_viewer[l.place] = p_viewer[l.n] THEN l_left[l.place] END) INTO cap_gift, cap_left
      FROM (SELECT n, width_bucket(p_viewer[n], l_viewer) AS place FROM generate_subscripts(p_viewer, 1) n ORDER BY n) l;
  END IF;
  SELECT array_agg(j.s), array_agg(j.coins), array_agg(j.available), array_agg(
           CASE WHEN j.gift_sent_id IS NOT NULL THEN 'REPLAYED'
                WHEN j.s IS NULL THEN 'UNKNOWN_STREAM'
                WHEN j.k IS NULL OR NOT k_active[j.k] THEN 'UNKNOWN_GIFT'
                WHEN NOT s_live[j.s] THEN 'STREAM_NOT_LIVE'
                WHEN barred[j.n] IS NOT NULL THEN barred[j.n]
                WHEN gifts_from[j.n] IS NULL OR gifts_from[j.n] > at THEN 'NOT_ALLOWED'
                WHEN j.coins > least(cap_gift[j.n], cap_left[j.n]) THEN 'SPENDING_CAP'
                WHEN j.coins > j.available THEN 'INSUFFICIENT_COINS'
                ELSE 'SENT' END),
         array_agg(CASE WHEN j.continues THEN p_quantity[j.n] + j.open_total ELSE p_quantity[j.n] END),
         array_agg(CASE WHEN j.continues THEN j.coins + j.open_coins ELSE j.coins END),
         array_agg(CASE WHEN NOT j.continues THEN j.open_gift END), array_agg(j.open_total), array_agg(j.open_coins),
         array_agg(j.gift_sent_id)
    INTO stream, cost, available, outcome, streak, streak_coins, ended_gift, ended_total, ended_coins, known
    FROM (
      SELECT i.n, i.s, i.k, k_coins[i.k] * p_quantity[i.n] AS coins,
             coalesce(coins_in[width_bucket(wallet[i.n], account)], 0) AS available,
             g.gift_sent_id,
             o.gift_id AS open_gift, o.total AS open_total, o.coins AS open_coins,
             o.gift_id = p_gift[i.n] AND o.expires_at >= at AS continues
        FROM (
          SELECT n, array_position(s_id, p_stream[n]) AS s, array_position(k_id, p_gift[n]) AS k
            FROM generate_subscripts(p_viewer, 1) n OFFSET 0
        ) i
          LEFT JOIN LATERAL (
            SELECT gift_sent_id FROM gift_key WHERE viewer_id = p_viewer[i.n] AND idempotency_key = p_key[i.n] LIMIT 1
          ) g ON true
          LEFT JOIN LATERAL (
            SELECT * FROM gift_streak WHERE stream_id = p_stream[i.n] AND viewer_id = p_viewer[i.n] LIMIT 1
          ) o ON true
        ORDER BY i.n
    ) j;
  -- Few keys are known: only then their gifts are looked at. A gift that an operator has archived is not paid again.
  IF 'REPLAYED' = ANY(outcome) THEN
    outcome := array_replace(outcome, 'REPLAYED', 'CONFLICT');
    WITH gifts AS MATERIALIZED (SELECT * FROM gifts_at(known))
    SELECT array_agg(i.n), string_agg(json_build_array(i.n, g.seq, g.created_at, coalesce(e.payload, (
        SELECT jsonb_build_object(
                 'sender', sender[i.n]::jsonb, 'gift', jsonb_build_object('id', k.id, 'name', k.name, 'coins', g.coins / g.quantity),
                 'quantity', g.quantity, 'coins', g.coins, 'streak', coalesce(g.streak, g.quantity))
          FROM gift k WHERE k.id = g.gift_id)))::text, ',') INTO hits, replays
      FROM generate_subscripts(known, 1) i(n)
        JOIN gifts g ON g.id = known[i.n] AND (g.stream_id, g.gift_id, g.quantity) = (p_stream[i.n], p_gift[i.n], p_quantity[i.n])
        LEFT JOIN events_at(ARRAY(SELECT stream_id FROM gifts), ARRAY(SELECT seq FROM gifts)) e ON e.stream_id = g.stream_id AND e.seq = g.seq;
    FOREACH position IN ARRAY coalesce(hits, '{}') LOOP outcome[position] := 'REPLAYED'; END LOOP;
  END IF;

  -- 3. Only where a viewer has several gifts, walk in order: a running sum would refuse a small gift after a refused large one.
  --    Then each gift of a viewer in a stream follows on the streak that the one before has left. Gifts whose reactions do not fit
  --    into the queue are refused, and the walk is made again without them: each time round refuses at least one.
  several := (SELECT count(DISTINCT id) < count(*) FROM unnest(p_viewer) id);
  ruled := EXISTS (SELECT FROM reaction_rule WHERE creator_id = ANY(s_creator) AND active);
  IF several AND ruled THEN
    judged_streak := streak; judged_streak_coins := streak_coins;
    judged_ended := ended_gift; judged_total := ended_total; judged_coins := ended_coins;
  END IF;
  LOOP
    gave := cost;
    IF several THEN
      FOR r IN
        SELECT n, p_viewer[n] AS viewer_id FROM generate_subscripts(p_viewer, 1) n
          WHERE outcome[n] IN ('SENT', 'INSUFFICIENT_COINS', 'SPENDING_CAP') ORDER BY 2, 1
      LOOP
        IF walked IS DISTINCT FROM r.viewer_id THEN
          walked := r.viewer_id;
          remaining := coins_in[width_bucket(wallet[r.n], account)];
          spendable := l_left[array_position(l_viewer, r.viewer_id)];
        END IF;
        available[r.n] := remaining;
        IF cost[r.n] > least(cap_gift[r.n], spendable) THEN
          outcome[r.n] := 'SPENDING_CAP';
          cap_left[r.n] := spendable;
        ELSIF cost[r.n] > remaining THEN
          outcome[r.n] := 'INSUFFICIENT_COINS';
        ELSE
          outcome[r.n] := 'SENT';
          remaining := remaining - cost[r.n];
          spendable := spendable - cost[r.n];
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
    EXIT WHEN NOT ruled;
    SELECT array_agg(m.n), array_agg(m.rule_id), array_agg(m.n) FILTER (WHERE s_queued[m.s] + m.place > reactions_waiting_max())
      INTO r_n, r_rule, r_full FROM (
        SELECT m.*, row_number() OVER (PARTITION BY m.s ORDER BY m.n) AS place FROM (
          SELECT i.n, i.s, u.id AS rule_id, u.cooldown_ms, row_number() OVER (PARTITION BY i.s, u.id ORDER BY i.n) AS nth
            FROM (
              SELECT n, stream[n] AS s FROM generate_subscripts(p_viewer, 1) n WHERE outcome[n] = 'SENT' OFFSET 0
            ) i JOIN LATERAL (
              SELECT u.* FROM reaction_rule u
               WHERE u.creator_id = s_creator[i.s] AND u.gift_id = p_gift[i.n] AND u.active
                 AND (p_quantity[i.n] >= u.min_quantity OR (streak[i.n] >= u.min_streak AND streak[i.n] - p_quantity[i.n] < u.min_streak))
                 AND (u.cooldown_ms = 0 OR (
                   SELECT x.queued_at + make_interval(secs => u.cooldown_ms / 1000.0) <= at FROM reaction x
                    WHERE x.stream_id = p_stream[i.n] AND x.rule_id = u.id ORDER BY x.id DESC LIMIT 1
                 ) IS NOT FALSE)
               ORDER BY u.priority DESC, coalesce(u.min_streak, u.min_quantity) DESC, u.id LIMIT 1
            ) u ON true
        ) m WHERE m.cooldown_ms = 0 OR m.nth = 1 ORDER BY m.n
      ) m;
    EXIT WHEN r_full IS NULL;
    FOR r IN SELECT n FROM unnest(r_full) n LOOP outcome[r.n] := 'REACTION_QUEUE_FULL'; END LOOP;
    IF several THEN
      streak := judged_streak; streak_coins := judged_streak_coins;
      ended_gift := judged_ended; ended_total := judged_total; ended_coins := judged_coins;
      walked := NULL;
      previous := NULL;
    END IF;
  END LOOP;
  SELECT array_agg(n), array_agg(n) FILTER (WHERE gave[n] IS NOT NULL) INTO sent, last
    FROM generate_subscripts(p_viewer, 1) n WHERE outcome[n] = 'SENT';

  IF sent IS NOT NULL THEN
    -- 4. Number the gifts and their events behind the logs' heads. Diamonds are rounded on the stream's running total of coins, so
    --    that no half diamond is lost gift by gift.
    first_id := ids_begin();
    SELECT array_agg(t.id), array_agg(t.seq), array_agg(t.diamonds), array_agg(t.n) FILTER (WHERE t.diamonds > 0)
      INTO sent_id, sent_seq, diamonds, earning
      FROM (
        SELECT t.n, CASE WHEN t.events > 0 THEN first_id + nextval('gift_sent_id_seq') END AS id,
               head[array_position(log, p_stream[t.n])] + t.seq - t.reacts AS seq,
               diamonds_for(t.total, s_rate_coins[t.s], s_rate_diamonds[t.s])
             - diamonds_for(t.total - t.coins, s_rate_coins[t.s], s_rate_diamonds[t.s]) AS diamonds
          FROM (
            SELECT i.*, s_coins[i.s] + (sum(i.coins) OVER w)::bigint AS total, sum(i.events) OVER w AS seq
              FROM (
                SELECT n, stream[n] AS s, CASE WHEN outcome[n] = 'SENT' THEN cost[n] ELSE 0 END AS coins,
                       CASE WHEN outcome[n] <> 'SENT' THEN 0 WHEN ended_gift[n] IS NULL THEN 1 ELSE 2 END
                       + CASE WHEN r_n[width_bucket(n, r_n)] = n THEN 1 ELSE 0 END AS events,
                       CASE WHEN r_n[width_bucket(n, r_n)] = n THEN 1 ELSE 0 END AS reacts
                  FROM generate_subscripts(p_viewer, 1) n
              ) i WINDOW w AS (PARTITION BY i.s ORDER BY i.n)
          ) t ORDER BY t.n
      ) t;
    SELECT array_agg(id), array_agg(concat('{"id":', id, ',"name":', to_json(name), ',"coins":', coins, '}'))
      INTO k_id, k_shown FROM gift WHERE id = ANY(p_gift || ended_gift);

    -- 5. Write the gifts, and the reactions that they earn; then their events.
    INSERT INTO stream_gifter AS t (stream_id, viewer_id, coins)
      SELECT p_stream[n], p_viewer[n], gave[n] FROM unnest(last) n
      ON CONFLICT (stream_id, viewer_id) DO UPDATE SET coins = t.coins + EXCLUDED.coins;
    INSERT INTO gift_sent (id, viewer_id, idempotency_key, stream_id, gift_id, quantity, coins, diamonds, seq, created_at, streak)
      SELECT sent_id[n], p_viewer[n], p_key[n], p_stream[n], p_gift[n], p_quantity[n], cost[n], diamonds[n], sent_seq[n], at, streak[n]
        FROM unnest(sent) n;
    IF r_n IS NOT NULL THEN
      WITH queued AS (
        INSERT INTO reaction (stream_id, rule_id, gift_sent_id, viewer_id, phrase, animation, sound, priority, duration_ms, queued_at)
          SELECT p_stream[i.n], u.id, sent_id[i.n], p_viewer[i.n], u.phrase, u.animation, u.sound, u.priority, u.duration_ms, at
            FROM unnest(r_n, r_rule) i(n, rule_id) JOIN LATERAL (SELECT * FROM reaction_rule WHERE id = i.rule_id LIMIT 1) u ON true
            ORDER BY i.n
          RETURNING *
      ), total AS (
        SELECT stream_id, count(*)::int AS count, sum(duration_ms)::bigint AS ms FROM queued GROUP BY stream_id
      ) SELECT (SELECT array_agg(id ORDER BY id) FROM queued), array_agg(stream_id), array_agg(count), array_agg(ms)
          INTO r_id, r_stream, r_count, r_ms FROM total;
    END IF;
    SELECT array_agg(e.stream_id), array_agg(e.seq), array_agg(e.type), array_agg(e.payload::jsonb),
           string_agg(concat('[', e.stream_id, ',', e.seq, ',"', e.type, '",', e.payload, ']'), ',')
      INTO e_stream, e_seq, e_type, e_payload, told
      FROM (
        SELECT p_stream[i.n] AS stream_id, sent_seq[i.n] - p.before AS seq,
               CASE p.before WHEN 0 THEN 'GIFT_SENT' WHEN 1 THEN 'STREAK_ENDED' ELSE 'REACTION_QUEUED' END AS type,
               CASE p.before WHEN 0 THEN
                 concat('{"sender":', sender[i.n], ',"gift":', k_shown[array_position(k_id, p_gift[i.n])],
                        ',"quantity":', p_quantity[i.n], ',"coins":', cost[i.n], ',"streak":', streak[i.n], '}')
               WHEN 1 THEN
                 concat('{"sender":', sender[i.n], ',"gift":', k_shown[array_position(k_id, ended_gift[i.n])],
                        ',"total":', ended_total[i.n], ',"coins":', ended_coins[i.n], '}')
               ELSE
                 -- A place in the queue as it was then: behind what came before and is as urgent.
                 (SELECT concat('{"reactionId":', x.id, ',"reaction":', to_json(x.phrase), ',"animation":', coalesce(to_json(x.animation), 'null'),
                                ',"sound":', coalesce(to_json(x.sound), 'null'), ',"position":', a.count + 1, ',"etaMs":', a.ms,
                                ',"giftSeq":', sent_seq[i.n], ',"sender":', sender[i.n], '}')
                    FROM reaction x, LATERAL (
                      SELECT count(*), coalesce(sum(duration_ms), 0) AS ms FROM reaction
                       WHERE stream_id = x.stream_id AND state = 'QUEUED' AND priority >= x.priority AND id < x.id
                    ) a WHERE x.id = r_id[width_bucket(i.n, r_n)])
               END AS payload
          FROM unnest(sent) i(n), (VALUES (1), (0), (-1)) p(before)
          WHERE p.before = 0 OR (p.before = 1 AND ended_gift[i.n] IS NOT NULL) OR (p.before = -1 AND r_n[width_bucket(i.n, r_n)] = i.n)
          ORDER BY i.n, p.before DESC
      ) e;

    PERFORM live_write(e_stream, e_seq, e_type, e_payload, at);

    -- 6. Write what follows from them: streaks, the stream's totals, what counts against caps, and the ledger.
    INSERT INTO gift_streak (stream_id, viewer_id, gift_id, total, coins, expires_at)
      SELECT p_stream[n], p_viewer[n], p_gift[n], streak[n], streak_coins[n], at + p_streak_window FROM unnest(last) n
      ON CONFLICT (stream_id, viewer_id) DO UPDATE
        SET gift_id = EXCLUDED.gift_id, total = EXCLUDED.total, coins = EXCLUDED.coins, expires_at = EXCLUDED.expires_at;
    SELECT array_agg(t.id), array_agg(t.coins) INTO t_id, t_coins
      FROM (SELECT p_stream[n] AS id, sum(cost[n])::bigint AS coins FROM unnest(sent) n GROUP BY 1) t;
    UPDATE stream SET gift_coins = gift_coins + t_coins[array_position(t_id, id)],
        reactions_queued = reactions_queued + coalesce(r_count[array_position(r_stream, id)], 0),
        reactions_ms = reactions_ms + coalesce(r_ms[array_position(r_stream, id)], 0)
      WHERE id = ANY(t_id);
    IF l_viewer IS NOT NULL THEN
      PERFORM spending_count(array_agg(v.id), array_agg(v.coins), at)
        FROM (SELECT p_viewer[n] AS id, sum(cost[n])::bigint AS coins FROM unnest(sent) n
               WHERE l_viewer[width_bucket(p_viewer[n], l_viewer)] = p_viewer[n] GROUP BY 1 ORDER BY 1) v;
    END IF;
    PERFORM wallet_move(
      ARRAY(SELECT wallet[n] FROM unnest(sent) n) || ARRAY(SELECT s_issuance[stream[n]] FROM unnest(earning) n),
      ARRAY(SELECT s_gifts[stream[n]] FROM unnest(sent) n) || ARRAY(SELECT s_pending[stream[n]] FROM unnest(earning) n),
      ARRAY(SELECT 'COIN'::text FROM unnest(sent)) || ARRAY(SELECT 'DIAMOND'::text FROM unnest(earning)),
      ARRAY(SELECT cost[n] FROM unnest(sent) n) || ARRAY(SELECT diamonds[n] FROM unnest(earning) n),
      ARRAY(SELECT 'GIFT_SPENT'::text FROM unnest(sent)) || ARRAY(SELECT 'GIFT_EARNED'::text FROM unnest(earning)),
      ARRAY(SELECT sent_id[n] FROM unnest(sent) n) || ARRAY(SELECT sent_id[n] FROM unnest(earning) n),
      at
    );

    -- 7. Goals and levels: few streams have something that counts gifts, or have come to where something happens.
    SELECT array_agg(i.n ORDER BY i.n) INTO counting FROM (
      SELECT n, stream[n] AS s FROM unnest(sent) n
    ) i WHERE s_counts[i.s] OR s_coins[i.s] + t_coins[array_position(t_id, s_id[i.s])] >= s_mark[i.s];
    IF counting IS NOT NULL THEN
      told := concat_ws(',', told, nullif(goals_after_gifts(
        ARRAY(SELECT p_stream[n] FROM unnest(counting) n), ARRAY(SELECT p_gift[n] FROM unnest(counting) n),
        ARRAY(SELECT p_quantity[n] FROM unnest(counting) n), at), ''));
    END IF;
  END IF;

  -- 8. Answer. Put together as text: to make it json here would only parse again what is known to be right.
  IF 'INSUFFICIENT_COINS' = ANY(outcome) THEN
    SELECT json_agg(json_build_array(n, available[n], cost[n])) INTO refused
      FROM generate_subscripts(p_viewer, 1) n WHERE outcome[n] = 'INSUFFICIENT_COINS';
  END IF;
  IF 'SPENDING_CAP' = ANY(outcome) THEN
    SELECT json_agg(json_build_array(i.n, least(c.gift_cap, cap_left[i.n]), p.period,
                    CASE p.period WHEN 'GIFT' THEN at WHEN 'DAY' THEN (c.day + 1)::timestamp AT TIME ZONE 'UTC'
                                  ELSE (c.month + interval '1 month') AT TIME ZONE 'UTC' END)) INTO capped
      FROM generate_subscripts(p_viewer, 1) i(n)
        JOIN LATERAL (SELECT * FROM spending_limit WHERE viewer_id = p_viewer[i.n] LIMIT 1) l ON true
        CROSS JOIN LATERAL spending_left(l, at) c
        CROSS JOIN LATERAL (SELECT CASE WHEN cost[i.n] > c.gift_cap THEN 'GIFT'
                                        WHEN c.day_left > c.month_left OR c.day_left IS NULL THEN 'MONTH' ELSE 'DAY' END AS period) p
      WHERE outcome[i.n] = 'SPENDING_CAP';
  END IF;
  IF outcome && ARRAY['NOT_ALLOWED', 'MUTED', 'BANNED'] THEN
    SELECT json_agg(json_build_array(i.n, CASE outcome[i.n]
        WHEN 'NOT_ALLOWED' THEN gifts_from[i.n]
        ELSE (SELECT max(CASE outcome[i.n] WHEN 'BANNED' THEN b.banned_until ELSE b.gifts_until END) FROM restriction b
               WHERE b.viewer_id = p_viewer[i.n] AND b.creator_id IN (0, s_creator[array_position(s_id, p_stream[i.n])]))
        END, (SELECT a.gifts_allowed FROM region_rule a, viewer v WHERE v.id = p_viewer[i.n] AND a.region IN ('', coalesce(v.region, ''))
               ORDER BY a.region DESC LIMIT 1))) INTO kept_out
      FROM generate_subscripts(p_viewer, 1) i(n) WHERE outcome[i.n] IN ('NOT_ALLOWED', 'MUTED', 'BANNED');
  END IF;
  RETURN concat(
    '{"at":', to_json(at), ',"outcomes":', array_to_json(outcome), ',"refused":', coalesce(refused, '[]'),
    ',"capped":', coalesce(capped, '[]'), ',"keptOut":', coalesce(kept_out, '[]'),
    ',"replays":[', replays, '],"events":[', told, '],"wallets":[', (
      SELECT string_agg(concat('[', owner_id, ',', balance, ',', version, ']'), ',') FROM ledger_account WHERE id = ANY(wallet)),
    ']}');
END $$;

-- boards_fold, as in the migration leaderboards; but the day of a gift whose event is pruned is looked up among its sender's gifts.
CREATE OR REPLACE FUNCTION boards_fold(p_after bigint, p_streams integer, p_events integer, OUT last_stream bigint, OUT has_more boolean) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  c_stream bigint[]; c_seq bigint[]; n_seq bigint[]; n_more boolean[];
  a_stream bigint[]; a_day date[]; a_viewer bigint[]; a_coins bigint[]; a_messages bigint[];
BEGIN
  SELECT array_agg(c.stream_id), array_agg(c.seq) INTO c_stream, c_seq FROM (
    SELECT c.stream_id, c.seq FROM board_cursor c JOIN live_log l ON l.stream_id = c.stream_id
     WHERE c.stream_id > p_after AND NOT c.done AND l.last_seq > c.seq ORDER BY c.stream_id LIMIT p_streams FOR UPDATE OF c SKIP LOCKED
  ) c;
  IF c_stream IS NULL THEN RETURN; END IF;
  -- In a statement of its own: whoever had a cursor before has committed, and what it counted is behind c_seq.
  SELECT array_agg(least(h.last_seq, h.seq + p_events)), array_agg(h.last_seq > h.seq + p_events) INTO n_seq, n_more FROM (
    SELECT c.seq, (SELECT l.last_seq FROM live_log l WHERE l.stream_id = c.stream_id LIMIT 1)
      FROM unnest(c_stream, c_seq) WITH ORDINALITY c(stream_id, seq, n) ORDER BY c.n
  ) h;
  SELECT array_agg(s.stream_id), array_agg(s.day), array_agg(s.viewer_id), array_agg(s.coins), array_agg(s.messages)
    INTO a_stream, a_day, a_viewer, a_coins, a_messages
    FROM (
      SELECT e.stream_id, (CASE e.type WHEN 'GIFT_REVERSED' THEN g.occurred_at ELSE e.occurred_at END AT TIME ZONE 'UTC')::date AS day,
             (e.payload->'sender'->>'id')::bigint AS viewer_id,
             sum(CASE e.type WHEN 'GIFT_SENT' THEN (e.payload->>'coins')::bigint WHEN 'GIFT_REVERSED' THEN -(e.payload->>'coins')::bigint ELSE 0 END)::bigint AS coins,
             count(*) FILTER (WHERE e.type = 'CHAT_MESSAGE') AS messages
        FROM unnest(c_stream, c_seq, n_seq) c(stream_id, from_seq, to_seq)
          CROSS JOIN LATERAL (
            SELECT * FROM live_event v WHERE v.stream_id = c.stream_id AND v.seq > c.from_seq AND v.seq <= c.to_seq
          ) e
          LEFT JOIN LATERAL (
            SELECT coalesce((
              SELECT v.occurred_at FROM live_event v WHERE v.stream_id = e.stream_id AND v.seq = (e.payload->>'giftSeq')::bigint LIMIT 1
            ), (
              SELECT s.created_at FROM (
                SELECT gift_sent_id FROM gift_key WHERE viewer_id = (e.payload->'sender'->>'id')::bigint OFFSET 0
              ) k, LATERAL (SELECT * FROM gift_sent WHERE id = k.gift_sent_id LIMIT 1) s
               WHERE s.stream_id = e.stream_id AND s.seq = (e.payload->>'giftSeq')::bigint LIMIT 1
            )) AS occurred_at WHERE e.type = 'GIFT_REVERSED'
          ) g ON true
        WHERE e.type IN ('GIFT_SENT', 'GIFT_REVERSED', 'CHAT_MESSAGE')
        GROUP BY 1, 2, 3
    ) s;
  IF a_stream IS NOT NULL THEN
    PERFORM boards_add(a_stream, a_day, a_viewer, a_coins, a_messages, array_fill(0::bigint, ARRAY[cardinality(a_stream)]));
  END IF;
  UPDATE board_cursor c SET seq = n_seq[array_position(c_stream, c.stream_id)],
      done = (SELECT s.status = 'ENDED' FROM stream s WHERE s.id = c.stream_id LIMIT 1)
         AND (SELECT l.last_seq FROM live_log l WHERE l.stream_id = c.stream_id LIMIT 1) = n_seq[array_position(c_stream, c.stream_id)]
    WHERE c.stream_id = ANY(c_stream);
  last_stream := c_stream[cardinality(c_stream)];
  has_more := true = ANY(n_more);
END $$;
