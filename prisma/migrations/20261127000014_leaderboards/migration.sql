-- Leaderboards: a projection of the streams' logs. A sweep on every server folds each log from its cursor on; cursor and scores are
-- written in one SQL transaction, and a log's numbers are in the order of its commits and without gaps, so each event counts exactly
-- once. Watch time is not in the log: servers add what they have measured (boards_add).
--
-- Lock order: board_cursor (never waited for), board_score by its key, last of all.

-- How far the boards have counted a stream's log.
CREATE TABLE "board_cursor" (
  "stream_id" BIGINT NOT NULL,
  "seq" BIGINT NOT NULL DEFAULT 0 CHECK ("seq" >= 0),
  -- The stream has ended and all of its log is counted; only a gift that is taken back makes it undone.
  "done" BOOLEAN NOT NULL DEFAULT false,
  CONSTRAINT "board_cursor_pkey" PRIMARY KEY ("stream_id"),
  CONSTRAINT "board_cursor_stream_id_fkey" FOREIGN KEY ("stream_id")
    REFERENCES "live_log"("stream_id") ON DELETE RESTRICT ON UPDATE CASCADE
) WITH (fillfactor = 50);
CREATE INDEX "board_cursor_undone_idx" ON "board_cursor"("stream_id") WHERE NOT "done";

-- Every log has a cursor from its first moment; those that there are, are counted from their beginning.
INSERT INTO "board_cursor" ("stream_id") SELECT "stream_id" FROM "live_log";
CREATE FUNCTION board_cursor_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO board_cursor (stream_id) SELECT stream_id FROM added;
  RETURN NULL;
END $$;
CREATE TRIGGER "board_cursor_begins" AFTER INSERT ON "live_log"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION board_cursor_begins();
-- What is appended behind the end of a stream must be found, too. Waits for a fold under way, which waits for nobody.
CREATE FUNCTION board_cursor_undone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM added WHERE type = 'GIFT_REVERSED') THEN
    UPDATE board_cursor SET done = false WHERE stream_id = ANY(ARRAY(SELECT stream_id FROM added WHERE type = 'GIFT_REVERSED'));
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "board_cursor_undone" AFTER INSERT ON "live_event"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION board_cursor_undone();

-- A viewer on a board: STREAM (owner_id is the stream), CREATOR (the creator), DAY (days since 1970, of UTC, on the whole platform) or
-- ALL (0, the whole platform). A creator does not stand on the boards for their own streams.
CREATE TABLE "board_score" (
  "board" TEXT NOT NULL CHECK ("board" IN ('STREAM', 'CREATOR', 'DAY', 'ALL')),
  "owner_id" BIGINT NOT NULL,
  "viewer_id" BIGINT NOT NULL,
  "coins" BIGINT NOT NULL DEFAULT 0 CHECK ("coins" BETWEEN 0 AND 9007199254740991),
  "messages" BIGINT NOT NULL DEFAULT 0 CHECK ("messages" BETWEEN 0 AND 9007199254740991),
  "watched_ms" BIGINT NOT NULL DEFAULT 0 CHECK ("watched_ms" BETWEEN 0 AND 9007199254740991),
  CONSTRAINT "board_score_pkey" PRIMARY KEY ("board", "owner_id", "viewer_id")
) WITH (fillfactor = 80);

-- The mixed ranking: a doubling of the coins, of the messages or of the minutes watched is worth a point each, so that nobody leads
-- by coins alone. Each counts from 1, so nothing is worth nothing.
CREATE FUNCTION board_mixed(p_coins bigint, p_messages bigint, p_watched_ms bigint) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (ln(1 + p_coins::double precision) + ln(1 + p_messages::double precision) + ln(1 + p_watched_ms / 60000.0::double precision)) / ln(2::double precision)
$$;
CREATE INDEX "board_score_mixed_idx" ON "board_score"("board", "owner_id", board_mixed("coins", "messages", "watched_ms") DESC, "viewer_id");
CREATE INDEX "board_score_board_owner_id_coins_viewer_id_idx" ON "board_score"("board", "owner_id", "coins" DESC, "viewer_id");
CREATE INDEX "board_score_board_owner_id_messages_viewer_id_idx" ON "board_score"("board", "owner_id", "messages" DESC, "viewer_id");
CREATE INDEX "board_score_board_owner_id_watched_ms_viewer_id_idx" ON "board_score"("board", "owner_id", "watched_ms" DESC, "viewer_id");

CREATE FUNCTION board_score_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT viewer_id FROM added) s WHERE (SELECT true FROM viewer v WHERE v.id = s.viewer_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('board_score', 'board_score_viewer_id_fkey'); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "board_score_references" AFTER INSERT ON "board_score"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION board_score_references();

-- boards_add: adds to all boards on which viewers stand for what they did in streams, on days of UTC; one array position is one such
-- sum; where the day is null, it does not count on a day's board. The boards are written in the order of their key, so that any number of servers may do so at once.
CREATE FUNCTION boards_add(
  p_stream bigint[], p_day date[], p_viewer bigint[], p_coins bigint[], p_messages bigint[], p_watched_ms bigint[]
) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  b_board text[]; b_owner bigint[]; b_viewer bigint[]; b_coins bigint[]; b_messages bigint[]; b_watched bigint[];
BEGIN
  WITH part AS (
    SELECT i.*, o.creator_id
      FROM unnest(p_stream, p_day, p_viewer, p_coins, p_messages, p_watched_ms) i(stream_id, day, viewer_id, coins, messages, watched_ms)
        JOIN LATERAL (
          SELECT s.creator_id, c.viewer_id FROM stream s, LATERAL (SELECT viewer_id FROM creator WHERE id = s.creator_id LIMIT 1) c
           WHERE s.id = i.stream_id LIMIT 1
        ) o ON o.viewer_id <> i.viewer_id
  ), place AS (
    SELECT b.board, b.owner_id, p.viewer_id, sum(p.coins)::bigint AS coins, sum(p.messages)::bigint AS messages, sum(p.watched_ms)::bigint AS watched_ms
      FROM part p, LATERAL (VALUES
        ('STREAM', p.stream_id), ('CREATOR', p.creator_id), ('DAY', (p.day - date '1970-01-01')::bigint), ('ALL', 0::bigint)
      ) b(board, owner_id)
     WHERE b.owner_id IS NOT NULL
     GROUP BY b.board, b.owner_id, p.viewer_id ORDER BY b.board, b.owner_id, p.viewer_id
  )
  SELECT array_agg(p.board), array_agg(p.owner_id), array_agg(p.viewer_id), array_agg(p.coins), array_agg(p.messages), array_agg(p.watched_ms)
    INTO b_board, b_owner, b_viewer, b_coins, b_messages, b_watched FROM place p;
  -- CHECKs look at what is proposed before a conflict is seen: what goes down, goes down behind it.
  INSERT INTO board_score AS s (board, owner_id, viewer_id, coins, messages, watched_ms)
    SELECT u.board, u.owner_id, u.viewer_id, greatest(u.coins, 0), u.messages, u.watched_ms
      FROM unnest(b_board, b_owner, b_viewer, b_coins, b_messages, b_watched) u(board, owner_id, viewer_id, coins, messages, watched_ms)
    ON CONFLICT (board, owner_id, viewer_id) DO UPDATE
      SET coins = s.coins + EXCLUDED.coins, messages = s.messages + EXCLUDED.messages, watched_ms = s.watched_ms + EXCLUDED.watched_ms;
  IF 0 > ANY(b_coins) THEN
    UPDATE board_score s SET coins = s.coins + u.coins
      FROM unnest(b_board, b_owner, b_viewer, b_coins) u(board, owner_id, viewer_id, coins)
     WHERE u.coins < 0 AND s.board = u.board AND s.owner_id = u.owner_id AND s.viewer_id = u.viewer_id;
  END IF;
END $$;

-- boards_fold: counts what is new in the logs of up to p_streams streams behind p_after, p_events events of each at the most. Streams
-- that another fold has are left to it. A gift that was taken back is taken off the boards that it stood on, those of its own day.
-- Returns the last stream, null when there was none, and whether some log has more.
CREATE FUNCTION boards_fold(p_after bigint, p_streams integer, p_events integer, OUT last_stream bigint, OUT has_more boolean) LANGUAGE plpgsql
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
            SELECT occurred_at FROM live_event v
             WHERE v.stream_id = e.stream_id AND v.seq = CASE WHEN e.type = 'GIFT_REVERSED' THEN (e.payload->>'giftSeq')::bigint END LIMIT 1
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

-- boards_watched: adds watch time, as servers have measured it up to now. What was watched behind the end of a stream does not count.
CREATE FUNCTION boards_watched(p_stream bigint[], p_viewer bigint[], p_ms bigint[]) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  at timestamptz := clock_timestamp();
  a_stream bigint[]; a_viewer bigint[]; a_ms bigint[];
BEGIN
  SELECT array_agg(w.stream_id), array_agg(w.viewer_id), array_agg(w.ms) INTO a_stream, a_viewer, a_ms FROM (
    SELECT i.stream_id, i.viewer_id, i.ms - greatest(0, coalesce((extract(epoch FROM at - s.ended_at) * 1000)::bigint, 0)) AS ms
      FROM unnest(p_stream, p_viewer, p_ms) i(stream_id, viewer_id, ms)
        JOIN LATERAL (SELECT ended_at FROM stream WHERE id = i.stream_id LIMIT 1) s ON true
  ) w WHERE w.ms > 0;
  IF a_stream IS NULL THEN RETURN; END IF;
  PERFORM boards_add(a_stream, array_fill((at AT TIME ZONE 'UTC')::date, ARRAY[cardinality(a_stream)]), a_viewer,
                     array_fill(0::bigint, ARRAY[cardinality(a_stream)]), array_fill(0::bigint, ARRAY[cardinality(a_stream)]), a_ms);
END $$;
