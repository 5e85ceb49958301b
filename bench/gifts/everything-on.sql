-- Everything that a gift can have to obey or to set off, for everybody: caps that are far away, restrictions elsewhere, rules of every creator.
INSERT INTO spending_limit (viewer_id, gift_cap, day_cap, month_cap, day, month)
  SELECT id, 1000000000, 1000000000000, 10000000000000, (now() AT TIME ZONE 'UTC')::date, date_trunc('month', now() AT TIME ZONE 'UTC')::date
    FROM viewer;
INSERT INTO restriction (viewer_id, creator_id, muted_until, gifts_until)
  SELECT id, 900000000, 'infinity', 'infinity' FROM viewer WHERE id % 20 = 0;
INSERT INTO reaction_rule (creator_id, gift_id, min_quantity, min_streak, phrase, animation, sound, priority, cooldown_ms, duration_ms)
  SELECT c.id, g.id, CASE WHEN r.n = 1 THEN 2 END, CASE WHEN r.n = 2 THEN 5 END, 'Ice cream so good!', 'pop', 'ding', r.n, 2000, 500
    FROM creator c, gift g, (VALUES (1), (2)) r(n);
INSERT INTO goal (stream_id, kind, title, target, coins_from, started_at) SELECT id, 'COINS', 'To the moon', 1000000000, gift_coins, now() FROM stream;
INSERT INTO goal (stream_id, kind, gift_id, title, target, started_at)
  SELECT s.id, 'GIFTS', g.id, 'Many of these', 1000000000, now() FROM stream s, (SELECT min(id) AS id FROM gift) g;
-- A crowd that sets off at once, and goes up level by level.
INSERT INTO crowd_level (stream_id, state, level, coins_from, seq_from, level_from, target, until, steps, window_ms, level_ms, cooldown_ms)
  SELECT s.id, 'WAITING', 0, s.gift_coins, l.last_seq, s.gift_coins, s.gift_coins + 2000, now() + interval '1 hour',
         '{2000,3000,5000,10000,20000,50000,100000}', 3600000, 3600000, 3600000
    FROM stream s JOIN live_log l ON l.stream_id = s.id WHERE s.status = 'LIVE' ON CONFLICT DO NOTHING;
SELECT goals_mark(array_agg(id)) FROM stream;
ANALYZE spending_limit, restriction, reaction_rule, goal, crowd_level, stream;
