-- Reports: what was given and bought in a quarter, by region, from one roll-up a day; a closed quarter is kept as it was.
--
-- Nothing is added to the path of a gift. A day is rolled up from gift_sent and transfer, whose rows are found by the BRIN indexes on
-- created_at, once no transaction that may still write into the day is running (src/domains/reports/roll-ups.ts). Both tables are
-- append-only, so the same day gives the same rows again. Days and quarters are those of UTC.
--
-- Distinct people cannot be added up, so a day keeps who they were, as sorted arrays: 8 bytes a person and day, compressed, instead of
-- a row and an index entry. Whoever is in a day's arrays has the region there that they had when it was first rolled up.
-- Lock order: none of these tables is locked together with others; a quarter's roll-ups take one advisory lock.

-- What 1,000 coins are worth in money. A new price is a new row; a quarter goes by the one that is in force on its first day.
CREATE TABLE "coin_price" (
  "valid_from" DATE NOT NULL,
  "currency" TEXT NOT NULL CHECK ("currency" ~ '^[A-Z]{3}$'),
  "minor_per_1000" BIGINT NOT NULL CHECK ("minor_per_1000" BETWEEN 1 AND 1000000000),
  CONSTRAINT "coin_price_pkey" PRIMARY KEY ("valid_from")
);
CREATE TRIGGER "coin_price_immutable" BEFORE UPDATE OR DELETE ON "coin_price" FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- The smallest pack, which most people buy: 70 coins for 0.99 USD.
INSERT INTO "coin_price" ("valid_from", "currency", "minor_per_1000") VALUES ('2000-01-01', 'USD', 1414);

-- A day that is rolled up, and what its gifts, less what was reversed, brought to each creator.
CREATE TABLE "report_day" (
  "day" DATE NOT NULL,
  "rolled_at" TIMESTAMPTZ(3) NOT NULL,
  "creator_ids" BIGINT[] NOT NULL DEFAULT '{}',
  "creator_coins" BIGINT[] NOT NULL DEFAULT '{}',
  CONSTRAINT "report_day_pkey" PRIMARY KEY ("day"),
  CONSTRAINT "report_day_pairs" CHECK (cardinality("creator_ids") = cardinality("creator_coins"))
);

-- A day's gifts by the region of who gave them; ZZ where nobody knows. A reversal counts on the day of the reversal.
CREATE TABLE "report_gifts" (
  "day" DATE NOT NULL,
  "region" TEXT NOT NULL CHECK ("region" ~ '^[A-Z]{2}$'),
  "gifts" BIGINT NOT NULL,
  "coins" BIGINT NOT NULL,
  "reversals" BIGINT NOT NULL,
  "reversed_coins" BIGINT NOT NULL,
  -- Who gave; whose gifts were reversed; who was given something.
  "gifter_ids" BIGINT[] NOT NULL,
  "reversed_ids" BIGINT[] NOT NULL,
  "creator_ids" BIGINT[] NOT NULL,
  CONSTRAINT "report_gifts_pkey" PRIMARY KEY ("day", "region")
);

-- A day's orders by the region of who bought. An order counts when it is paid, a refund when the money goes back.
CREATE TABLE "report_sales" (
  "day" DATE NOT NULL,
  "region" TEXT NOT NULL CHECK ("region" ~ '^[A-Z]{2}$'),
  "currency" TEXT NOT NULL,
  "orders" BIGINT NOT NULL,
  "paid_minor" BIGINT NOT NULL,
  "refunds" BIGINT NOT NULL,
  "refunded_minor" BIGINT NOT NULL,
  "buyer_ids" BIGINT[] NOT NULL,
  "refunded_ids" BIGINT[] NOT NULL,
  CONSTRAINT "report_sales_pkey" PRIMARY KEY ("day", "region", "currency")
);

-- Who took part in a quarter so far: what the arrays of its days come to, so that a read need not go through all of them.
CREATE TABLE "report_reach" (
  "quarter" DATE NOT NULL,
  "region" TEXT NOT NULL,
  "gifter_ids" BIGINT[] NOT NULL,
  "creator_ids" BIGINT[] NOT NULL,
  "buyer_ids" BIGINT[] NOT NULL,
  CONSTRAINT "report_reach_pkey" PRIMARY KEY ("quarter", "region")
);

-- A closed quarter. The document is the report, byte for byte; its checksum is the SHA-256 of these bytes in UTF-8.
CREATE TABLE "report_quarter" (
  "quarter" DATE NOT NULL CHECK ("quarter" = date_trunc('quarter', "quarter"::timestamp)),
  "closed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "closed_by" BIGINT NOT NULL,
  "document" TEXT NOT NULL,
  "checksum" TEXT NOT NULL CHECK ("checksum" = encode(sha256(convert_to("document", 'UTF8')), 'hex')),
  CONSTRAINT "report_quarter_pkey" PRIMARY KEY ("quarter"),
  CONSTRAINT "report_quarter_closed_by_fkey" FOREIGN KEY ("closed_by")
    REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE TRIGGER "report_quarter_immutable" BEFORE UPDATE OR DELETE ON "report_quarter"
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER "report_quarter_no_truncate" BEFORE TRUNCATE ON "report_quarter"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A link that lets a browser open one report once, for a short while. Only the hash of its key is kept.
CREATE TABLE "report_link" (
  "key_hash" BYTEA NOT NULL,
  "quarter" DATE NOT NULL,
  "format" TEXT NOT NULL CHECK ("format" IN ('HTML', 'CSV', 'JSON')),
  "viewer_id" BIGINT NOT NULL,
  "expires_at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "report_link_pkey" PRIMARY KEY ("key_hash"),
  CONSTRAINT "report_link_viewer_id_fkey" FOREIGN KEY ("viewer_id")
    REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "report_link_expires_at_idx" ON "report_link"("expires_at");

-- ---- what happened, by region -----------------------------------------------------------------------------------------

-- The gifts from one time to before another. Where p_day is given, people have the regions that this day keeps of them.
-- What was reversed is read from the ledger: each GIFT_REFUNDED names its gift. Planned anew each time, for the table as it is now.
CREATE FUNCTION report_gifts_between(p_from timestamptz, p_to timestamptz, p_day date)
RETURNS TABLE (region text, gifts bigint, coins bigint, reversals bigint, reversed_coins bigint, gifter_ids bigint[], reversed_ids bigint[],
               creator_ids bigint[], net_ids bigint[], net_coins bigint[])
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan SET work_mem = '64MB' AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY WITH kept AS (
    SELECT DISTINCT unnest(r.gifter_ids || r.reversed_ids) AS viewer_id, r.region FROM report_gifts r WHERE r.day = p_day
  ), moved AS (
    SELECT g.viewer_id, g.stream_id, count(*) AS gifts, sum(g.coins) AS coins, 0 AS reversals, 0 AS reversed_coins
      FROM gift_sent g WHERE g.created_at >= p_from AND g.created_at < p_to GROUP BY 1, 2
    UNION ALL
    SELECT g.viewer_id, g.stream_id, 0, 0, count(*), sum(t.amount)
      FROM transfer t JOIN gift_sent g ON g.id = t.cause_id
      WHERE t.created_at >= p_from AND t.created_at < p_to AND t.kind = 'GIFT_REFUNDED' GROUP BY 1, 2
  ), placed AS MATERIALIZED (
    SELECT coalesce(k.region, v.region, 'ZZ') AS region, m.viewer_id, s.creator_id, m.gifts, m.coins, m.reversals, m.reversed_coins
      FROM moved m JOIN stream s ON s.id = m.stream_id JOIN viewer v ON v.id = m.viewer_id LEFT JOIN kept k ON k.viewer_id = m.viewer_id
  ), giving AS (
    SELECT p.region, p.viewer_id, sum(p.gifts) AS gifts, sum(p.coins) AS coins, sum(p.reversals) AS reversals,
           sum(p.reversed_coins) AS reversed_coins
      FROM placed p GROUP BY 1, 2
  ), getting AS (
    SELECT p.region, p.creator_id, sum(p.gifts) AS gifts, sum(p.coins - p.reversed_coins)::bigint AS net FROM placed p GROUP BY 1, 2
  ), gave AS (
    SELECT g.region, sum(g.gifts)::bigint AS gifts, sum(g.coins)::bigint AS coins, sum(g.reversals)::bigint AS reversals,
           sum(g.reversed_coins)::bigint AS reversed_coins,
           coalesce(array_agg(g.viewer_id ORDER BY g.viewer_id) FILTER (WHERE g.gifts > 0), '{}') AS gifter_ids,
           coalesce(array_agg(g.viewer_id ORDER BY g.viewer_id) FILTER (WHERE g.reversals > 0), '{}') AS reversed_ids
      FROM giving g GROUP BY 1
  ), got AS (
    SELECT g.region, coalesce(array_agg(g.creator_id ORDER BY g.creator_id) FILTER (WHERE g.gifts > 0), '{}') AS creator_ids,
           array_agg(g.creator_id ORDER BY g.creator_id) AS net_ids, array_agg(g.net ORDER BY g.creator_id) AS net_coins
      FROM getting g GROUP BY 1
  ) SELECT a.region, a.gifts, a.coins, a.reversals, a.reversed_coins, a.gifter_ids, a.reversed_ids, o.creator_ids, o.net_ids, o.net_coins
      FROM gave a JOIN got o ON o.region = a.region;
END $$;

-- The orders from one time to before another, out of the ledger; as above.
CREATE FUNCTION report_sales_between(p_from timestamptz, p_to timestamptz, p_day date)
RETURNS TABLE (region text, currency text, orders bigint, paid_minor bigint, refunds bigint, refunded_minor bigint, buyer_ids bigint[],
               refunded_ids bigint[])
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan SET work_mem = '64MB' AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY WITH kept AS (
    SELECT DISTINCT unnest(r.buyer_ids || r.refunded_ids) AS viewer_id, r.region FROM report_sales r WHERE r.day = p_day
  ), moved AS (
    SELECT o.buyer_id, t.unit, t.kind = 'ORDER_PAID' AS paid, t.amount
      FROM transfer t JOIN shop_order o ON o.id = t.cause_id
      WHERE t.created_at >= p_from AND t.created_at < p_to AND t.kind IN ('ORDER_PAID', 'ORDER_REFUNDED', 'ORDER_CHARGED_BACK')
  ), placed AS (
    SELECT coalesce(k.region, v.region, 'ZZ') AS region, m.buyer_id, m.unit, count(*) FILTER (WHERE m.paid) AS orders,
           coalesce(sum(m.amount) FILTER (WHERE m.paid), 0) AS paid_minor, count(*) FILTER (WHERE NOT m.paid) AS refunds,
           coalesce(sum(m.amount) FILTER (WHERE NOT m.paid), 0) AS refunded_minor
      FROM moved m JOIN viewer v ON v.id = m.buyer_id LEFT JOIN kept k ON k.viewer_id = m.buyer_id GROUP BY 1, 2, 3
  ) SELECT p.region, p.unit, sum(p.orders)::bigint, sum(p.paid_minor)::bigint, sum(p.refunds)::bigint, sum(p.refunded_minor)::bigint,
           coalesce(array_agg(p.buyer_id ORDER BY p.buyer_id) FILTER (WHERE p.orders > 0), '{}'),
           coalesce(array_agg(p.buyer_id ORDER BY p.buyer_id) FILTER (WHERE p.refunds > 0), '{}')
      FROM placed p GROUP BY 1, 2;
END $$;

-- ---- roll-ups ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION report_union(p_one bigint[], p_other bigint[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
  SELECT ARRAY(SELECT unnest(p_one) UNION SELECT unnest(p_other) ORDER BY 1)
$$;

-- One writer at a time for a quarter: its days are rolled up in order, and each adds to who took part so far.
CREATE FUNCTION report_lock(p_quarter date) RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(4823018, p_quarter - '2000-01-01'::date)
$$;

-- Rolls a day up, or again. Days of a quarter come one after the other, so that what is not rolled up is one range at its end.
-- Returns what the day comes to and what the ledger says of it, which must be the same.
CREATE FUNCTION report_roll_day(p_day date)
RETURNS TABLE (coins bigint, reversed_coins bigint, paid_minor bigint, refunded_minor bigint,
               ledger_coins bigint, ledger_reversed_coins bigint, ledger_paid_minor bigint, ledger_refunded_minor bigint)
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
  v_quarter date := date_trunc('quarter', p_day::timestamp)::date;
  v_from timestamptz := p_day::timestamp AT TIME ZONE 'UTC';
  v_to timestamptz := (p_day + 1)::timestamp AT TIME ZONE 'UTC';
  v_again boolean;
  v_regions text[];
  v_sales text[];
  v_ids bigint[];
  v_coins bigint[];
BEGIN
  PERFORM report_lock(v_quarter);
  v_again := EXISTS (SELECT FROM report_day WHERE day = p_day);
  IF p_day > v_quarter AND NOT EXISTS (SELECT FROM report_day WHERE day = p_day - 1) THEN
    RAISE EXCEPTION 'the day before % is not rolled up yet', p_day;
  END IF;
  WITH fresh AS MATERIALIZED (
    SELECT * FROM report_gifts_between(v_from, v_to, p_day)
  ), written AS (
    INSERT INTO report_gifts AS r (day, region, gifts, coins, reversals, reversed_coins, gifter_ids, reversed_ids, creator_ids)
      SELECT p_day, f.region, f.gifts, f.coins, f.reversals, f.reversed_coins, f.gifter_ids, f.reversed_ids, f.creator_ids FROM fresh f
      ON CONFLICT (day, region) DO UPDATE SET gifts = EXCLUDED.gifts, coins = EXCLUDED.coins, reversals = EXCLUDED.reversals,
        reversed_coins = EXCLUDED.reversed_coins, gifter_ids = EXCLUDED.gifter_ids, reversed_ids = EXCLUDED.reversed_ids,
        creator_ids = EXCLUDED.creator_ids
  ), net AS (
    SELECT n.id, sum(n.coins)::bigint AS coins FROM fresh f, unnest(f.net_ids, f.net_coins) n(id, coins) GROUP BY 1
  ) SELECT (SELECT coalesce(array_agg(f.region), '{}') FROM fresh f),
           coalesce(array_agg(n.id ORDER BY n.id), '{}'), coalesce(array_agg(n.coins ORDER BY n.id), '{}')
      INTO v_regions, v_ids, v_coins FROM net n;
  DELETE FROM report_gifts r WHERE r.day = p_day AND r.region <> ALL (v_regions);
  WITH fresh AS MATERIALIZED (
    SELECT * FROM report_sales_between(v_from, v_to, p_day)
  ), written AS (
    INSERT INTO report_sales AS r (day, region, currency, orders, paid_minor, refunds, refunded_minor, buyer_ids, refunded_ids)
      SELECT p_day, f.* FROM fresh f
      ON CONFLICT (day, region, currency) DO UPDATE SET orders = EXCLUDED.orders, paid_minor = EXCLUDED.paid_minor,
        refunds = EXCLUDED.refunds, refunded_minor = EXCLUDED.refunded_minor, buyer_ids = EXCLUDED.buyer_ids,
        refunded_ids = EXCLUDED.refunded_ids
  ) SELECT coalesce(array_agg(f.region || f.currency), '{}') INTO v_sales FROM fresh f;
  DELETE FROM report_sales r WHERE r.day = p_day AND r.region || r.currency <> ALL (v_sales);
  INSERT INTO report_day AS d (day, rolled_at, creator_ids, creator_coins) VALUES (p_day, clock_timestamp(), v_ids, v_coins)
    ON CONFLICT (day) DO UPDATE SET rolled_at = EXCLUDED.rolled_at, creator_ids = EXCLUDED.creator_ids,
      creator_coins = EXCLUDED.creator_coins;
  -- A day that is rolled up again adds nobody; report_gather makes sure of it before a quarter is closed.
  IF NOT v_again THEN PERFORM report_reach_add(v_quarter, p_day, p_day + 1); END IF;
  RETURN QUERY SELECT g.coins, g.reversed, s.paid, s.refunded, t.spent, t.taken, t.paid, t.refunded FROM (
      SELECT coalesce(sum(coins), 0)::bigint AS coins, coalesce(sum(reversed_coins), 0)::bigint AS reversed
        FROM report_gifts WHERE day = p_day
    ) g, (
      SELECT coalesce(sum(paid_minor), 0)::bigint AS paid, coalesce(sum(refunded_minor), 0)::bigint AS refunded
        FROM report_sales WHERE day = p_day
    ) s, (
      SELECT coalesce(sum(amount) FILTER (WHERE kind = 'GIFT_SPENT'), 0)::bigint AS spent,
             coalesce(sum(amount) FILTER (WHERE kind = 'GIFT_REFUNDED'), 0)::bigint AS taken,
             coalesce(sum(amount) FILTER (WHERE kind = 'ORDER_PAID'), 0)::bigint AS paid,
             coalesce(sum(amount) FILTER (WHERE kind IN ('ORDER_REFUNDED', 'ORDER_CHARGED_BACK')), 0)::bigint AS refunded
        FROM transfer WHERE created_at >= v_from AND created_at < v_to
    ) t;
END $$;

-- Adds those who took part in days of a quarter to those who did so far.
CREATE FUNCTION report_reach_add(p_quarter date, p_from date, p_to date) RETURNS void LANGUAGE sql SET work_mem = '64MB' AS $$
  WITH person AS (
    SELECT DISTINCT 'g' AS role, region, unnest(gifter_ids) AS id FROM report_gifts WHERE day >= p_from AND day < p_to
    UNION ALL SELECT DISTINCT 'c', region, unnest(creator_ids) FROM report_gifts WHERE day >= p_from AND day < p_to
    UNION ALL SELECT DISTINCT 'b', region, unnest(buyer_ids) FROM report_sales WHERE day >= p_from AND day < p_to
  )
  INSERT INTO report_reach AS o (quarter, region, gifter_ids, creator_ids, buyer_ids)
    SELECT p_quarter, region, coalesce(array_agg(id ORDER BY id) FILTER (WHERE role = 'g'), '{}'),
           coalesce(array_agg(id ORDER BY id) FILTER (WHERE role = 'c'), '{}'),
           coalesce(array_agg(id ORDER BY id) FILTER (WHERE role = 'b'), '{}')
      FROM person GROUP BY region
    ON CONFLICT (quarter, region) DO UPDATE SET gifter_ids = report_union(o.gifter_ids, EXCLUDED.gifter_ids),
      creator_ids = report_union(o.creator_ids, EXCLUDED.creator_ids), buyer_ids = report_union(o.buyer_ids, EXCLUDED.buyer_ids)
$$;

-- Makes who took part in a quarter anew, from all of its days.
CREATE FUNCTION report_gather(p_quarter date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM report_lock(p_quarter);
  DELETE FROM report_reach WHERE quarter = p_quarter;
  PERFORM report_reach_add(p_quarter, p_quarter, (p_quarter + interval '3 months')::date);
END $$;

-- ---- figures ----------------------------------------------------------------------------------------------------------

-- The first day of a quarter that is not rolled up; the quarter's end if there is none.
CREATE FUNCTION report_rolled_to(p_quarter date) RETURNS date LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT max(day) + 1 FROM report_day WHERE day >= p_quarter AND day < p_quarter + interval '3 months'), p_quarter)
$$;

-- What a quarter comes to so far, by region, and in the world (the region ''): the days that are rolled up, and the rest as it is now.
-- sole_*: people who took part in this region only. sales: by currency; amounts as text, so that nothing rounds them.
CREATE FUNCTION report_figures(p_quarter date)
RETURNS TABLE (region text, gifts bigint, coins bigint, reversals bigint, reversed_coins bigint, gifters bigint, sole_gifters bigint,
               creators bigint, buyers bigint, sole_buyers bigint, sales jsonb)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
  v_end date := (p_quarter + interval '3 months')::date;
  v_from timestamptz := report_rolled_to(p_quarter)::timestamp AT TIME ZONE 'UTC';
  v_to timestamptz := v_end::timestamp AT TIME ZONE 'UTC';
BEGIN
  RETURN QUERY WITH live_gifts AS MATERIALIZED (
    SELECT * FROM report_gifts_between(v_from, v_to, NULL) WHERE v_from < v_to
  ), live_sales AS MATERIALIZED (
    SELECT * FROM report_sales_between(v_from, v_to, NULL) WHERE v_from < v_to
  ), gift AS (
    SELECT coalesce(a.region, '') AS region, sum(a.gifts)::bigint AS gifts, sum(a.coins)::bigint AS coins,
           sum(a.reversals)::bigint AS reversals, sum(a.reversed_coins)::bigint AS reversed_coins FROM (
      SELECT region, gifts, coins, reversals, reversed_coins FROM report_gifts WHERE day >= p_quarter AND day < v_end
      UNION ALL SELECT region, gifts, coins, reversals, reversed_coins FROM live_gifts
    ) a GROUP BY ROLLUP (a.region)
  ), sale AS (
    SELECT b.region, jsonb_agg(jsonb_build_object('currency', b.currency, 'orders', b.orders::text, 'paid', b.paid_minor::text,
             'refunds', b.refunds::text, 'refunded', b.refunded_minor::text) ORDER BY b.currency) AS sales FROM (
      SELECT coalesce(a.region, '') AS region, a.currency, sum(a.orders) AS orders, sum(a.paid_minor) AS paid_minor,
             sum(a.refunds) AS refunds, sum(a.refunded_minor) AS refunded_minor FROM (
        SELECT region, currency, orders, paid_minor, refunds, refunded_minor FROM report_sales WHERE day >= p_quarter AND day < v_end
        UNION ALL SELECT region, currency, orders, paid_minor, refunds, refunded_minor FROM live_sales
      ) a GROUP BY GROUPING SETS ((a.region, a.currency), (a.currency))
    ) b GROUP BY b.region
  ), person AS MATERIALIZED (
    SELECT 'g' AS role, region, unnest(gifter_ids) AS id FROM report_reach WHERE quarter = p_quarter
    UNION SELECT 'g', region, unnest(gifter_ids) FROM live_gifts
    UNION SELECT 'c', region, unnest(creator_ids) FROM report_reach WHERE quarter = p_quarter
    UNION SELECT 'c', region, unnest(creator_ids) FROM live_gifts
    UNION SELECT 'b', region, unnest(buyer_ids) FROM report_reach WHERE quarter = p_quarter
    UNION SELECT 'b', region, unnest(buyer_ids) FROM live_sales
  ), home AS MATERIALIZED (
    SELECT role, id, min(region) AS region, count(*) AS regions FROM person GROUP BY 1, 2
  ), reach AS (
    SELECT region, count(*) FILTER (WHERE role = 'g') AS gifters, count(*) FILTER (WHERE role = 'c') AS creators,
           count(*) FILTER (WHERE role = 'b') AS buyers FROM person GROUP BY 1
    UNION ALL
    SELECT '', count(*) FILTER (WHERE role = 'g'), count(*) FILTER (WHERE role = 'c'), count(*) FILTER (WHERE role = 'b') FROM home
  ), sole AS (
    SELECT region, count(*) FILTER (WHERE role = 'g') AS gifters, count(*) FILTER (WHERE role = 'b') AS buyers
      FROM home WHERE regions = 1 GROUP BY 1
  ), place AS (
    SELECT '' AS region UNION SELECT region FROM gift UNION SELECT region FROM sale UNION SELECT region FROM reach
  ) SELECT p.region, coalesce(g.gifts, 0), coalesce(g.coins, 0), coalesce(g.reversals, 0), coalesce(g.reversed_coins, 0),
           coalesce(r.gifters, 0), coalesce(o.gifters, 0), coalesce(r.creators, 0), coalesce(r.buyers, 0), coalesce(o.buyers, 0),
           coalesce(s.sales, '[]')
      FROM place p LEFT JOIN gift g ON g.region = p.region LEFT JOIN sale s ON s.region = p.region
        LEFT JOIN reach r ON r.region = p.region LEFT JOIN sole o ON o.region = p.region ORDER BY p.region;
END $$;

-- A quarter day by day, until today.
CREATE FUNCTION report_days(p_quarter date) RETURNS TABLE (day date, gifts bigint, coins bigint, reversed_coins bigint)
LANGUAGE sql STABLE AS $$
  SELECT d.day::date, coalesce(sum(g.gifts), 0)::bigint, coalesce(sum(g.coins), 0)::bigint, coalesce(sum(g.reversed_coins), 0)::bigint
    FROM generate_series(p_quarter, report_rolled_to(p_quarter) - 1, interval '1 day') d(day)
      LEFT JOIN report_gifts g ON g.day = d.day::date GROUP BY 1
  UNION ALL
  SELECT d.day::date, coalesce(sum(g.gifts), 0)::bigint, coalesce(sum(g.coins), 0)::bigint, coalesce(sum(g.reversed_coins), 0)::bigint
    FROM generate_series(report_rolled_to(p_quarter),
           least((p_quarter + interval '3 months')::date - 1, (clock_timestamp() AT TIME ZONE 'UTC')::date), interval '1 day') d(day)
      LEFT JOIN LATERAL report_gifts_between(d.day::timestamp AT TIME ZONE 'UTC', (d.day::timestamp + interval '1 day') AT TIME ZONE 'UTC', NULL)
        g ON true GROUP BY 1
  ORDER BY 1
$$;

-- Who was given most in a quarter, less what was reversed.
CREATE FUNCTION report_top_creators(p_quarter date, p_limit int) RETURNS TABLE (creator_id bigint, coins bigint)
LANGUAGE sql STABLE SET work_mem = '64MB' AS $$
  SELECT t.id, sum(t.coins)::bigint FROM (
    SELECT n.id, n.coins FROM report_day d, unnest(d.creator_ids, d.creator_coins) n(id, coins)
      WHERE d.day >= p_quarter AND d.day < p_quarter + interval '3 months'
    UNION ALL
    SELECT n.id, n.coins FROM report_gifts_between(report_rolled_to(p_quarter)::timestamp AT TIME ZONE 'UTC',
        (p_quarter + interval '3 months') AT TIME ZONE 'UTC', NULL) g, unnest(g.net_ids, g.net_coins) n(id, coins)
      WHERE report_rolled_to(p_quarter) < p_quarter + interval '3 months'
  ) t GROUP BY 1 HAVING sum(t.coins) > 0 ORDER BY 2 DESC, 1 LIMIT p_limit
$$;
