-- Everything that a gift can have to obey or to set off, for everybody: caps that are far away, restrictions elsewhere, rules of every creator.
INSERT INTO spending_limit (viewer_id, gift_cap, day_cap, month_cap, day, month)
  SELECT id, 1000000000, 1000000000000, 10000000000000, (now() AT TIME ZONE 'UTC')::date, date_trunc('month', now() AT TIME ZONE 'UTC')::date
    FROM viewer;
INSERT INTO restriction (viewer_id, creator_id, muted_until, gifts_until)
  SELECT id, 900000000, 'infinity', 'infinity' FROM viewer WHERE id % 20 = 0;
INSERT INTO reaction_rule (creator_id, gift_id, min_quantity, min_streak, phrase, animation, sound, priority, cooldown_ms, duration_ms)
  SELECT c.id, g.id, CASE WHEN r.n = 1 THEN 2 END, CASE WHEN r.n = 2 THEN 5 END, 'Ice cream so good!', 'pop', 'ding', r.n, 2000, 500
    FROM creator c, gift g, (VALUES (1), (2)) r(n);
ANALYZE spending_limit, restriction, reaction_rule;
