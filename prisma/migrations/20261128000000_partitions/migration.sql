-- Partitions: events and gifts by month, gift keys in a table of their own, and what prunes. Design, invariants and failure cases:
-- docs/retention.md.
--
-- Lock order: month_partition stands behind everything else but the partition that it is of, and is never waited for by who prunes.

-- ---- ids that carry their month ----------------------------------------------------------------------------------------

-- Months since January 1970, of UTC.
CREATE FUNCTION month_of(p_at timestamptz) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (extract(year FROM p_at AT TIME ZONE 'UTC')::integer - 1970) * 12 + extract(month FROM p_at AT TIME ZONE 'UTC')::integer - 1
$$;
-- The first id of a month: 2^42 ids each, below 2^53 for 2,048 months.
CREATE FUNCTION month_ids(p_month integer) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT p_month::bigint << 42 $$;
-- What a month's partition of a table is called. Month 0 has the ids of before they carried a month.
CREATE FUNCTION month_table(p_parent text, p_month integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE p_month WHEN 0 THEN p_parent || '_before'
         ELSE p_parent || to_char(timestamp '1970-01-01' + make_interval(months => p_month), '_YYYY_MM') END
$$;

-- The months that have partitions, one of each table.
CREATE TABLE "month_partition" (
  "month" INTEGER NOT NULL CHECK ("month" BETWEEN 0 AND 2047),
  -- When its events were pruned last.
  "events_pruned_at" TIMESTAMPTZ(3),
  CONSTRAINT "month_partition_pkey" PRIMARY KEY ("month")
);

-- Months made ahead of the current one.
CREATE FUNCTION months_ahead() RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 3 $$;

-- The oldest month that a new id may get: the last month but one of those that there are without the ones made ahead. No month before
-- it gets new streams, whatever the clock does.
CREATE FUNCTION month_floor() RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    (SELECT month FROM month_partition WHERE month > 0 ORDER BY month DESC OFFSET months_ahead() + 1 LIMIT 1),
    (SELECT min(month) FROM month_partition WHERE month > 0))
$$;
-- The month that new ids get: the newest that has partitions and is not ahead of the clock. There is always one.
-- In plpgsql, which keeps its plans: every batch of gifts asks.
CREATE FUNCTION month_now() RETURNS integer LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  RETURN (SELECT greatest(
    coalesce(
      (SELECT month FROM month_partition WHERE month > 0 ORDER BY month DESC OFFSET months_ahead() + 1 LIMIT 1),
      (SELECT min(month) FROM month_partition WHERE month > 0)),
    (SELECT max(month) FROM month_partition WHERE month BETWEEN 1 AND month_of(clock_timestamp()))));
END $$;
-- To be added to the next value of a table's sequence.
CREATE FUNCTION ids_begin() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN month_now()::bigint << 42; END $$;

-- The default of stream.id. Whoever prunes the month finds its row locked until the stream is committed.
CREATE FUNCTION new_stream_id() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE m integer;
BEGIN
  SELECT month INTO STRICT m FROM month_partition WHERE month = month_now() FOR KEY SHARE;
  RETURN month_ids(m) + nextval('stream_id_seq');
END $$;
-- The default of gift_sent.id.
CREATE FUNCTION new_gift_sent_id() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN ids_begin() + nextval('gift_sent_id_seq'); END $$;

ALTER SEQUENCE "stream_id_seq" MAXVALUE 4398046511103;
ALTER SEQUENCE "gift_sent_id_seq" MAXVALUE 4398046511103;
ALTER TABLE "stream" ALTER COLUMN "id" SET DEFAULT new_stream_id();

-- ---- the tables --------------------------------------------------------------------------------------------------------

-- The tables of before become the partitions of month 0, as they are. That their ids are below 2^42 is read from a CHECK, which an
-- operator may have validated beforehand (docs/retention.md, "The migration").
DO $$
DECLARE t record;
BEGIN
  FOR t IN SELECT * FROM (VALUES ('live_event', 'stream_id'), ('gift_sent', 'id')) t(name, ids) LOOP
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = t.name::regclass AND conname = t.name || '_before') THEN
      EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (%I < %s)', t.name, t.name || '_before', t.ids, month_ids(1));
    END IF;
  END LOOP;
END $$;

DROP TRIGGER "live_event_immutable" ON "live_event";
DROP TRIGGER "live_event_references" ON "live_event";
DROP TRIGGER "board_cursor_undone" ON "live_event";
ALTER TABLE "live_event" RENAME TO "live_event_before";
ALTER INDEX "live_event_pkey" RENAME TO "live_event_before_pkey";
CREATE TABLE "live_event" (LIKE "live_event_before" INCLUDING ALL) PARTITION BY RANGE ("stream_id");
ALTER TABLE "live_event" DROP CONSTRAINT "live_event_before";
ALTER TABLE "live_event" ATTACH PARTITION "live_event_before" FOR VALUES FROM (MINVALUE) TO (4398046511104);
ALTER TABLE "live_event_before" DROP CONSTRAINT "live_event_before";
CREATE TRIGGER "live_event_immutable" BEFORE UPDATE ON "live_event" FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER "live_event_references" AFTER INSERT ON "live_event"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION live_event_references();
CREATE TRIGGER "board_cursor_undone" AFTER INSERT ON "live_event"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION board_cursor_undone();

-- The key of each gift, for as long as it may be asked for: unique whatever the months. Also where a viewer's gifts are found.
CREATE TABLE "gift_key" AS
  SELECT "viewer_id", "idempotency_key", "id" AS "gift_sent_id" FROM "gift_sent" WHERE "created_at" > clock_timestamp() - interval '550 days';
ALTER TABLE "gift_key"
  ALTER COLUMN "viewer_id" SET NOT NULL, ALTER COLUMN "idempotency_key" SET NOT NULL, ALTER COLUMN "gift_sent_id" SET NOT NULL,
  ADD CONSTRAINT "gift_key_pkey" PRIMARY KEY ("viewer_id", "idempotency_key");
CREATE TRIGGER "gift_key_immutable" BEFORE UPDATE ON "gift_key" FOR EACH ROW EXECUTE FUNCTION refuse_change();

DROP TRIGGER "gift_sent_immutable" ON "gift_sent";
DROP TRIGGER "gift_sent_references" ON "gift_sent";
DROP INDEX "gift_sent_viewer_id_idempotency_key_key";
-- The streak that a gift counted to, these included: the log says so only until it is pruned. Null for gifts of before.
ALTER TABLE "gift_sent" ADD COLUMN "streak" INTEGER CHECK ("streak" > 0), ALTER COLUMN "id" SET DEFAULT new_gift_sent_id();
ALTER TABLE "gift_sent" RENAME TO "gift_sent_before";
ALTER INDEX "gift_sent_pkey" RENAME TO "gift_sent_before_pkey";
ALTER INDEX "gift_sent_created_at_idx" RENAME TO "gift_sent_before_created_at_idx";
CREATE TABLE "gift_sent" (LIKE "gift_sent_before" INCLUDING ALL) PARTITION BY RANGE ("id");
ALTER TABLE "gift_sent" DROP CONSTRAINT "gift_sent_before";
ALTER TABLE "gift_sent" ATTACH PARTITION "gift_sent_before" FOR VALUES FROM (MINVALUE) TO (4398046511104);
ALTER TABLE "gift_sent_before" DROP CONSTRAINT "gift_sent_before";
ALTER SEQUENCE "gift_sent_id_seq" OWNED BY "gift_sent"."id";
CREATE TRIGGER "gift_sent_immutable" BEFORE UPDATE OR DELETE ON "gift_sent" FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- As before; and every gift has its key, whoever writes it. One that is taken breaks gift_key_pkey.
CREATE OR REPLACE FUNCTION gift_sent_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM added g
     WHERE (SELECT true FROM stream_gifter t WHERE t.stream_id = g.stream_id AND t.viewer_id = g.viewer_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('gift_sent', 'gift_sent_stream_id_viewer_id_fkey'); END IF;
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT gift_id FROM added) g
     WHERE (SELECT true FROM gift WHERE id = g.gift_id LIMIT 1) IS NULL
  ) THEN PERFORM refuse_orphan('gift_sent', 'gift_sent_gift_id_fkey'); END IF;
  INSERT INTO gift_key (viewer_id, idempotency_key, gift_sent_id) SELECT viewer_id, idempotency_key, id FROM added;
  RETURN NULL;
END $$;
CREATE TRIGGER "gift_sent_references" AFTER INSERT ON "gift_sent"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION gift_sent_references();

-- ---- partitions --------------------------------------------------------------------------------------------------------

-- The triggers of a statement are those of the table that it names: rows go in by the parent, where they are checked.
CREATE FUNCTION refuse_direct() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '"%" takes rows through its parent only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER "live_event_before_direct" BEFORE INSERT ON "live_event_before" FOR EACH STATEMENT EXECUTE FUNCTION refuse_direct();
CREATE TRIGGER "gift_sent_before_direct" BEFORE INSERT ON "gift_sent_before" FOR EACH STATEMENT EXECUTE FUNCTION refuse_direct();

-- Makes the partitions of a month; false when they are there. ATTACH, unlike PARTITION OF, locks out nobody who reads or writes.
CREATE FUNCTION month_make(p_month integer) RETURNS boolean LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE parent text; part text;
BEGIN
  INSERT INTO month_partition (month) VALUES (p_month) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN false; END IF;
  FOREACH parent IN ARRAY ARRAY['live_event', 'gift_sent'] LOOP
    part := month_table(parent, p_month);
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, parent);
    EXECUTE format('CREATE TRIGGER %I BEFORE INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_direct()', part || '_direct', part);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', parent, part, month_ids(p_month), month_ids(p_month + 1));
  END LOOP;
  RETURN true;
END $$;

-- Gifts by id, and events by their places, each read in the table of its own month: a plan over a parent is made for all months, and
-- opens all of them each time. Months that an operator has taken off are not there; what is asked for twice is told once.
CREATE FUNCTION gifts_at(p_ids bigint[]) RETURNS SETOF gift_sent LANGUAGE plpgsql STABLE ROWS 50 AS $$
DECLARE part text;
BEGIN
  FOR part IN
    SELECT m.part FROM (SELECT DISTINCT month_table('gift_sent', (id >> 42)::integer) AS part FROM unnest(p_ids) id WHERE id IS NOT NULL) m
     WHERE EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(m.part))
  LOOP
    RETURN QUERY EXECUTE format('SELECT * FROM %I WHERE id = ANY($1)', part) USING p_ids;
  END LOOP;
END $$;
CREATE FUNCTION events_at(p_streams bigint[], p_seqs bigint[]) RETURNS SETOF live_event LANGUAGE plpgsql STABLE ROWS 50 AS $$
DECLARE m integer;
BEGIN
  FOR m IN SELECT DISTINCT (id >> 42)::integer FROM unnest(p_streams) id WHERE id IS NOT NULL LOOP
    CONTINUE WHEN to_regclass(month_table('live_event', m)) IS NULL;
    RETURN QUERY EXECUTE format(
      'SELECT e.* FROM (SELECT DISTINCT stream_id, seq FROM unnest($1, $2) p(stream_id, seq) WHERE stream_id >> 42 = $3) p
         JOIN LATERAL (SELECT * FROM %I v WHERE v.stream_id = p.stream_id AND v.seq = p.seq LIMIT 1) e ON true',
      month_table('live_event', m)) USING p_streams, p_seqs, m;
  END LOOP;
END $$;

-- Makes the partitions of this month and of the next. Returns how many months are new. Any number may call it at once.
CREATE FUNCTION months_make() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE made integer := 0; m integer := month_of(clock_timestamp());
BEGIN
  FOR n IN m..m + months_ahead() LOOP
    IF NOT EXISTS (SELECT FROM month_partition WHERE month = n) AND month_make(n) THEN made := made + 1; END IF;
  END LOOP;
  RETURN made;
END $$;

INSERT INTO "month_partition" ("month") VALUES (0);
SELECT months_make();

-- ---- pruning -----------------------------------------------------------------------------------------------------------

-- Whether a log of a month has events that its readers have not finished with.
CREATE FUNCTION live_month_unread(p_month integer) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM board_cursor WHERE NOT done AND stream_id >= month_ids(p_month) AND stream_id < month_ids(p_month + 1))
      OR EXISTS (SELECT FROM crowd_level WHERE stream_id >= month_ids(p_month) AND stream_id < month_ids(p_month + 1))
$$;

-- Prunes the events of a month, all or none. Returns PRUNED, or why not: EMPTY (nothing there), BUSY (another server is at it), RECENT
-- (a stream on air, or an end, a beginning or a correction behind p_before), UNREAD. A partition that somebody uses raises lock_not_available.
CREATE FUNCTION live_month_prune(p_month integer, p_before timestamptz, p_wait_ms integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  part text := month_table('live_event', p_month);
  low bigint := month_ids(p_month); high bigint := month_ids(p_month + 1);
  found_any boolean;
BEGIN
  PERFORM FROM month_partition WHERE month = p_month FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN 'BUSY'; END IF;
  EXECUTE format('SELECT EXISTS (SELECT FROM %I)', part) INTO found_any;
  IF NOT found_any THEN RETURN 'EMPTY'; END IF;
  IF p_month >= month_floor()
    OR EXISTS (SELECT FROM stream WHERE status IN ('SCHEDULED', 'LIVE') AND id >= low AND id < high)
    OR EXISTS (SELECT FROM stream WHERE id >= low AND id < high AND coalesce(ended_at, created_at) >= p_before)
  THEN RETURN 'RECENT'; END IF;
  EXECUTE format(
    'SELECT EXISTS (SELECT FROM live_log l JOIN LATERAL (
       SELECT occurred_at FROM %I WHERE stream_id = l.stream_id AND seq = l.last_seq LIMIT 1
     ) e ON e.occurred_at >= $1 WHERE l.stream_id >= $2 AND l.stream_id < $3)', part) INTO found_any USING p_before, low, high;
  IF found_any THEN RETURN 'RECENT'; END IF;
  IF live_month_unread(p_month) THEN RETURN 'UNREAD'; END IF;
  PERFORM set_config('lock_timeout', p_wait_ms || 'ms', true);
  EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', part);
  -- A correction of this moment: nobody can append another one now.
  IF live_month_unread(p_month) THEN RETURN 'UNREAD'; END IF;
  EXECUTE format('TRUNCATE %I', part);
  UPDATE month_partition SET events_pruned_at = clock_timestamp() WHERE month = p_month;
  RETURN 'PRUNED';
END $$;

-- What is done once a day by one server, and how far it has come.
CREATE TABLE "retention_chore" (
  "name" TEXT NOT NULL,
  "claimed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT '-infinity',
  "mark" BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT "retention_chore_pkey" PRIMARY KEY ("name")
);
INSERT INTO "retention_chore" ("name") VALUES ('gift_key'), ('idempotency_key'), ('webhook_event'), ('statistics');

-- What one server has read of the books last, for all of them. Whoever comes first when it is old takes the next look.
CREATE TABLE "books_look" (
  "id" INTEGER NOT NULL DEFAULT 1 CHECK ("id" = 1),
  "claimed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT '-infinity',
  "seen" JSONB,
  CONSTRAINT "books_look_pkey" PRIMARY KEY ("id")
);
INSERT INTO "books_look" DEFAULT VALUES;

-- Partitioned tables whose planner statistics are old: autovacuum looks after partitions, not after their parents. Old is, as for
-- autovacuum, a tenth more or fewer rows than when they were made, by what Postgres believes of each.
CREATE FUNCTION parents_to_analyze() RETURNS SETOF text LANGUAGE sql STABLE AS $$
  SELECT p.relname::text FROM pg_class p, LATERAL (
    SELECT coalesce(sum(greatest(c.reltuples, 0)), 0) AS rows FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = p.oid
  ) now WHERE p.relkind = 'p' AND p.relnamespace = 'public'::regnamespace
      AND abs(now.rows - greatest(p.reltuples, 0)) > 50 + 0.1 * greatest(p.reltuples, 0) ORDER BY 1
$$;

-- Forgets the keys of up to p_limit gifts of before p_before, oldest first. Returns how many gifts it has gone through; null when
-- another server is at it. The mark is the last gift whose key is gone: it moves in the transaction that deletes.
CREATE FUNCTION gift_keys_prune(p_before timestamptz, p_limit integer) RETURNS integer LANGUAGE plpgsql
SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE from_id bigint; last_id bigint; gifts integer;
BEGIN
  SELECT mark INTO from_id FROM retention_chore WHERE name = 'gift_key' FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN NULL; END IF;
  WITH old AS MATERIALIZED (
    SELECT * FROM (SELECT id, viewer_id, idempotency_key, created_at FROM gift_sent WHERE id > from_id ORDER BY id LIMIT p_limit) g
     WHERE created_at < p_before
  ), gone AS (
    DELETE FROM gift_key k USING old WHERE k.viewer_id = old.viewer_id AND k.idempotency_key = old.idempotency_key AND k.gift_sent_id = old.id
  ) SELECT count(*), max(id) INTO gifts, last_id FROM old;
  IF gifts > 0 THEN UPDATE retention_chore SET mark = last_id WHERE name = 'gift_key'; END IF;
  RETURN gifts;
END $$;

-- Whether an operator may detach a month of gifts: it is past, and nobody can ask for one of its keys.
CREATE FUNCTION gift_month_archivable(p_month date) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT m < month_floor() AND NOT EXISTS (
    SELECT FROM gift_sent g WHERE g.id >= month_ids(m) AND g.id < month_ids(m + 1) AND g.id > (SELECT mark FROM retention_chore WHERE name = 'gift_key')
  ) FROM month_of(p_month::timestamp AT TIME ZONE 'UTC') m
$$;
