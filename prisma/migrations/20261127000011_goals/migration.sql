-- Goals and the crowd's level. Nothing is written for a single gift: stream.gift_coins is the running total of a stream's coins, so what
-- was given since something began is a difference. It only grows; a gift that is reversed does not lower it.
--
-- Whoever holds a stream's log owns its goals, its level, coin_mark and counts_gifts (the lock order of the migration `trust`).

CREATE TABLE "goal" (
  "id" BIGSERIAL NOT NULL,
  "stream_id" BIGINT NOT NULL,
  "kind" TEXT NOT NULL CHECK ("kind" IN ('COINS', 'GIFTS', 'ORDERS')),
  "gift_id" BIGINT,
  "title" TEXT NOT NULL CHECK (char_length("title") BETWEEN 1 AND 100),
  "target" BIGINT NOT NULL CHECK ("target" BETWEEN 1 AND 1000000000000),
  -- The stream's gift_coins when a goal in coins began.
  "coins_from" BIGINT CHECK ("coins_from" BETWEEN 0 AND 9007199254740991),
  -- Gifts or orders so far. Of a goal in coins: what it came to, and 0 as long as it is open.
  "progress" BIGINT NOT NULL DEFAULT 0 CHECK ("progress" BETWEEN 0 AND 9007199254740991),
  "state" TEXT NOT NULL DEFAULT 'OPEN' CHECK ("state" IN ('OPEN', 'REACHED', 'ENDED')),
  "started_at" TIMESTAMPTZ(3) NOT NULL,
  "done_at" TIMESTAMPTZ(3),
  CONSTRAINT "goal_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "goal_of_a_gift" CHECK (("kind" = 'GIFTS') = ("gift_id" IS NOT NULL)),
  CONSTRAINT "goal_in_coins" CHECK (("kind" = 'COINS') = ("coins_from" IS NOT NULL)),
  CONSTRAINT "goal_done" CHECK (("state" = 'OPEN') = ("done_at" IS NULL)),
  CONSTRAINT "goal_reached" CHECK ("state" <> 'REACHED' OR "progress" >= "target"),
  CONSTRAINT "goal_stream_id_fkey" FOREIGN KEY ("stream_id") REFERENCES "stream"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "goal_gift_id_fkey" FOREIGN KEY ("gift_id") REFERENCES "gift"("id") ON DELETE RESTRICT ON UPDATE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX "goal_stream_id_state_id_idx" ON "goal"("stream_id", "state", "id");

-- The crowd's level, of each stream on air. All coins are places on the running total.
--   WAITING   coins count towards level 1 from coins_from on; `until` is the end of the window, null while nobody has given any
--   RUNNING   at a level, since level_from; `until` is when the run expires
--   ENDING    expired: it went up to end_seq in the log; what the crowd gave is still being summed up
--   COOLDOWN  no level starts before `until`
CREATE TABLE "crowd_level" (
  "stream_id" BIGINT NOT NULL,
  "state" TEXT NOT NULL CHECK ("state" IN ('WAITING', 'RUNNING', 'ENDING', 'COOLDOWN')),
  "level" INTEGER NOT NULL CHECK ("level" >= 0),
  "coins_from" BIGINT NOT NULL,
  "seq_from" BIGINT NOT NULL,
  "level_from" BIGINT NOT NULL,
  -- Where the next level is reached; null at the highest, and while there is none to reach.
  "target" BIGINT,
  "until" TIMESTAMPTZ(3),
  "end_coins" BIGINT,
  "end_seq" BIGINT,
  -- The rules, copied when a window begins: the coins from each level to the next, the first to start at all.
  "steps" BIGINT[] NOT NULL CHECK (cardinality("steps") >= 1 AND 0 < ALL ("steps")),
  "window_ms" INTEGER NOT NULL CHECK ("window_ms" > 0),
  "level_ms" INTEGER NOT NULL CHECK ("level_ms" > 0),
  "cooldown_ms" INTEGER NOT NULL CHECK ("cooldown_ms" >= 0),
  CONSTRAINT "crowd_level_pkey" PRIMARY KEY ("stream_id"),
  CONSTRAINT "crowd_level_at_a_level" CHECK (("state" IN ('RUNNING', 'ENDING')) = ("level" > 0)),
  CONSTRAINT "crowd_level_ending" CHECK (("state" = 'ENDING') = ("end_seq" IS NOT NULL) AND ("state" = 'ENDING') = ("end_coins" IS NOT NULL)),
  CONSTRAINT "crowd_level_until" CHECK ("until" IS NOT NULL OR "state" IN ('WAITING', 'ENDING')),
  CONSTRAINT "crowd_level_stream_id_fkey" FOREIGN KEY ("stream_id") REFERENCES "stream"("id") ON DELETE RESTRICT ON UPDATE CASCADE
) WITH (fillfactor = 50);

-- A goal as events and lists show it. p_coins is the stream's running total.
CREATE FUNCTION goal_view(g goal, p_coins bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'id', g.id, 'streamId', g.stream_id, 'kind', g.kind, 'title', g.title, 'target', g.target, 'state', g.state,
    'gift', (SELECT jsonb_build_object('id', k.id, 'name', k.name, 'coins', k.coins) FROM gift k WHERE k.id = g.gift_id LIMIT 1),
    'progress', CASE WHEN g.kind = 'COINS' AND g.state = 'OPEN' THEN p_coins - g.coins_from ELSE g.progress END,
    'startedAt', g.started_at, 'doneAt', g.done_at)
$$;

-- goals_mark: after goals or levels have changed, tells gifts of the streams what to look for. A stream is written only if that is new.
CREATE FUNCTION goals_mark(p_stream bigint[]) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  UPDATE stream s SET coin_mark = m.mark, counts_gifts = m.counts
    FROM (
      SELECT i.id, least(
               (SELECT min(coins_from + target) FROM goal WHERE stream_id = i.id AND state = 'OPEN' AND kind = 'COINS'),
               (SELECT target FROM crowd_level WHERE stream_id = i.id LIMIT 1)
             ) AS mark,
             EXISTS (SELECT FROM goal WHERE stream_id = i.id AND state = 'OPEN' AND kind = 'GIFTS') AS counts
        FROM unnest(p_stream) i(id) OFFSET 0
    ) m
    WHERE s.id = m.id AND (s.coin_mark, s.counts_gifts) IS DISTINCT FROM (m.mark, m.counts);
END $$;

-- goals_advance: looks at what streams, on air, have come to: marks goals as reached, raises levels, appends the events and sets the
-- marks anew. The caller holds the logs. Returns the events as the text of JSON: [streamId,seq,"TYPE",payload],… and '' for none.
CREATE FUNCTION goals_advance(p_stream bigint[], p_at timestamptz) RETURNS text LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  r record;
  met goal;
  reached bigint;
  e_stream bigint[] := '{}'; e_type text[] := '{}'; e_payload jsonb[] := '{}'; e_seq bigint[];
BEGIN
  FOR r IN
    SELECT g.id, s.gift_coins, CASE g.kind WHEN 'COINS' THEN s.gift_coins - g.coins_from ELSE g.progress END AS progress
      FROM goal g JOIN LATERAL (SELECT gift_coins FROM stream WHERE id = g.stream_id LIMIT 1) s ON true
      WHERE g.stream_id = ANY(p_stream) AND g.state = 'OPEN'
        AND CASE g.kind WHEN 'COINS' THEN s.gift_coins - g.coins_from ELSE g.progress END >= g.target
      ORDER BY g.id
  LOOP
    UPDATE goal SET state = 'REACHED', progress = r.progress, done_at = p_at WHERE id = r.id RETURNING * INTO met;
    e_stream := e_stream || met.stream_id;
    e_type := e_type || 'GOAL_REACHED'::text;
    e_payload := e_payload || jsonb_build_object('goal', goal_view(met, r.gift_coins));
  END LOOP;

  FOR r IN
    SELECT c.*, s.gift_coins FROM crowd_level c JOIN LATERAL (SELECT gift_coins FROM stream WHERE id = c.stream_id LIMIT 1) s ON true
      WHERE c.stream_id = ANY(p_stream) AND c.target <= s.gift_coins ORDER BY c.stream_id
  LOOP
    r.until := p_at + make_interval(secs => r.level_ms::float8 / 1000);
    WHILE r.target <= r.gift_coins LOOP -- several levels at once, if that much was given; above the highest there is no target
      r.level := r.level + 1;
      reached := r.target;
      r.target := reached + r.steps[r.level + 1];
      e_stream := e_stream || r.stream_id;
      e_type := e_type || CASE r.level WHEN 1 THEN 'LEVEL_STARTED' ELSE 'LEVEL_RAISED' END;
      e_payload := e_payload || jsonb_build_object(
        'level', r.level, 'coins', r.gift_coins - r.coins_from, 'progress', r.gift_coins - reached,
        'target', r.steps[r.level + 1], 'expiresAt', r.until, 'firstSeq', r.seq_from + 1);
    END LOOP;
    UPDATE crowd_level SET state = 'RUNNING', level = r.level, level_from = reached, target = r.target, until = r.until
      WHERE stream_id = r.stream_id;
  END LOOP;

  IF cardinality(e_stream) = 0 THEN RETURN ''; END IF;
  PERFORM goals_mark(p_stream);
  e_seq := live_append(e_stream, e_type, e_payload, p_at);
  RETURN (SELECT string_agg(concat('[', e_stream[n], ',', e_seq[n], ',"', e_type[n], '",', e_payload[n], ']'), ',' ORDER BY n)
            FROM generate_subscripts(e_stream, 1) n);
END $$;

-- goals_after_gifts: what follows from gifts that were just sent, one array position each, and are in gift_coins already. Called once
-- a batch by who holds the logs, for streams that have counts_gifts set or have reached their coin_mark. Returns what goals_advance does.
CREATE FUNCTION goals_after_gifts(p_stream bigint[], p_gift bigint[], p_quantity integer[], p_at timestamptz) RETURNS text LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  counted bigint[]; more bigint[];
BEGIN
  SELECT array_agg(t.id), array_agg(t.quantity) INTO counted, more FROM (
    SELECT g.id, i.quantity
      FROM (
        SELECT p_stream[n] AS stream_id, p_gift[n] AS gift_id, sum(p_quantity[n]) AS quantity FROM generate_subscripts(p_stream, 1) n GROUP BY 1, 2
      ) i JOIN LATERAL (
        -- LIMIT keeps the look-up by index, whatever the table looked like when this was planned.
        SELECT id FROM goal WHERE stream_id = i.stream_id AND state = 'OPEN' AND kind = 'GIFTS' AND gift_id = i.gift_id ORDER BY id LIMIT 100
      ) g ON true ORDER BY g.id
  ) t;
  UPDATE goal SET progress = progress + more[width_bucket(id, counted)] WHERE id = ANY(counted);
  RETURN goals_advance(ARRAY(SELECT DISTINCT unnest(p_stream)), p_at);
END $$;

-- goals_after_orders: the same for purchases that the feeds of streams, on air, now show: so many in each stream.
CREATE FUNCTION goals_after_orders(p_stream bigint[], p_orders integer[], p_at timestamptz) RETURNS text LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  UPDATE goal g SET progress = g.progress + p_orders[array_position(p_stream, g.stream_id)]
    WHERE g.stream_id = ANY(p_stream) AND g.state = 'OPEN' AND g.kind = 'ORDERS';
  IF NOT FOUND THEN RETURN ''; END IF;
  RETURN goals_advance(p_stream, p_at);
END $$;

-- levels_turn: what time alone does to the levels of streams, whose logs the caller holds: begins to count in those that are new on air,
-- opens and closes windows, lets runs expire and cooldowns end. The rules are those that windows which begin now go by.
-- Returns what goals_advance does.
CREATE FUNCTION levels_turn(p_stream bigint[], p_steps bigint[], p_window_ms integer, p_level_ms integer, p_cooldown_ms integer)
RETURNS text LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  at timestamptz(3) := clock_timestamp();
BEGIN
  -- Of a stream that has only begun everything counts.
  INSERT INTO crowd_level (stream_id, state, level, coins_from, seq_from, level_from, target, steps, window_ms, level_ms, cooldown_ms)
    SELECT i.id, 'WAITING', 0, s.coins, s.seq, s.coins, s.coins + p_steps[1], p_steps, p_window_ms, p_level_ms, p_cooldown_ms
      FROM unnest(p_stream) i(id) JOIN LATERAL (
        SELECT CASE WHEN s.is_new THEN 0 ELSE s.gift_coins END AS coins, CASE WHEN s.is_new THEN 0 ELSE s.last_seq END AS seq
          FROM (
            SELECT gift_coins, last_seq, started_at > at - make_interval(secs => p_window_ms::float8 / 1000) AS is_new
              FROM stream JOIN live_log ON stream_id = id WHERE id = i.id AND status = 'LIVE' LIMIT 1
          ) s
      ) s ON true
    ON CONFLICT (stream_id) DO NOTHING;
  UPDATE crowd_level c SET state = 'ENDING', end_coins = s.gift_coins, end_seq = l.last_seq, target = NULL, until = NULL
    FROM stream s JOIN live_log l ON l.stream_id = s.id
    WHERE c.stream_id = ANY(p_stream) AND c.state = 'RUNNING' AND c.until <= at AND s.id = c.stream_id;
  UPDATE crowd_level c SET state = 'WAITING', level = 0, coins_from = s.gift_coins, seq_from = l.last_seq, level_from = s.gift_coins,
      target = s.gift_coins + p_steps[1], until = NULL,
      steps = p_steps, window_ms = p_window_ms, level_ms = p_level_ms, cooldown_ms = p_cooldown_ms
    FROM stream s JOIN live_log l ON l.stream_id = s.id
    WHERE c.stream_id = ANY(p_stream) AND c.state IN ('WAITING', 'COOLDOWN') AND c.until <= at AND s.id = c.stream_id;
  UPDATE crowd_level c SET until = at + make_interval(secs => p_window_ms::float8 / 1000), target = c.coins_from + p_steps[1],
      steps = p_steps, window_ms = p_window_ms, level_ms = p_level_ms, cooldown_ms = p_cooldown_ms
    WHERE c.stream_id = ANY(p_stream) AND c.state = 'WAITING' AND c.until IS NULL
      AND c.coins_from < (SELECT gift_coins FROM stream WHERE id = c.stream_id LIMIT 1);
  PERFORM goals_mark(p_stream);
  RETURN goals_advance(p_stream, at);
END $$;
