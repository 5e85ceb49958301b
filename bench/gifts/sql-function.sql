-- V2: one gift, one call, one transaction, as an expert would write it against this schema. It keeps the rules of the ledger, its
-- chain of hashes among them, and of streaks, and writes the same rows as gifts_send_batch. What nobody has here (caps, mutes,
-- reactions, goals) it does not even look for. What belongs to the viewer is written first; the rows that all gifts of a stream
-- share come last, so that their locks are held as briefly as one transaction per gift allows. (Of those it takes the log before
-- the creator's accounts, unlike the app: alone in its database, it may.)
CREATE FUNCTION bench_send_gift(
  p_viewer bigint, p_key text, p_stream bigint, p_gift bigint, p_quantity integer, p_streak_window interval,
  OUT outcome text, OUT gift_seq bigint
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  kind gift%ROWTYPE; sender viewer%ROWTYPE; open gift_streak%ROWTYPE; known gift_sent%ROWTYPE; s stream%ROWTYPE;
  at timestamptz(3); price bigint; continues boolean; streak integer; streak_coins bigint; events integer; gift_row bigint;
  earned bigint; shown jsonb; ended jsonb; wallet ledger_account%ROWTYPE; earner ledger_account%ROWTYPE; issuer ledger_account%ROWTYPE;
  moved bigint; link bytea;
BEGIN
  SELECT k.gift_sent_id INTO gift_row FROM gift_key k WHERE k.viewer_id = p_viewer AND k.idempotency_key = p_key;
  IF FOUND THEN
    SELECT * INTO known FROM gift_sent g WHERE g.id = gift_row;
    gift_seq := known.seq;
    outcome := CASE WHEN (known.stream_id, known.gift_id, known.quantity) = (p_stream, p_gift, p_quantity)
      THEN 'REPLAYED' ELSE 'CONFLICT' END;
    RETURN;
  END IF;
  SELECT * INTO kind FROM gift g WHERE g.id = p_gift AND g.active;
  IF NOT FOUND THEN outcome := 'UNKNOWN_GIFT'; RETURN; END IF;
  SELECT * INTO sender FROM viewer v WHERE v.id = p_viewer;
  price := kind.coins * p_quantity;

  -- The viewer's own rows. The wallet's lock orders the gifts of a viewer.
  SELECT * INTO wallet FROM ledger_account a WHERE a.id = sender.wallet_id AND a.balance >= price FOR NO KEY UPDATE;
  IF NOT FOUND THEN outcome := 'INSUFFICIENT_COINS'; RETURN; END IF;
  at := clock_timestamp();
  SELECT * INTO open FROM gift_streak o WHERE o.stream_id = p_stream AND o.viewer_id = p_viewer;
  continues := coalesce(open.gift_id = p_gift AND open.expires_at >= at, false);
  streak := p_quantity + CASE WHEN continues THEN open.total ELSE 0 END;
  streak_coins := price + CASE WHEN continues THEN open.coins ELSE 0 END;
  INSERT INTO stream_gifter AS t (stream_id, viewer_id, coins) VALUES (p_stream, p_viewer, price)
    ON CONFLICT (stream_id, viewer_id) DO UPDATE SET coins = t.coins + EXCLUDED.coins;
  INSERT INTO gift_streak (stream_id, viewer_id, gift_id, total, coins, expires_at)
    VALUES (p_stream, p_viewer, p_gift, streak, streak_coins, at + p_streak_window)
    ON CONFLICT (stream_id, viewer_id) DO UPDATE
      SET gift_id = EXCLUDED.gift_id, total = EXCLUDED.total, coins = EXCLUDED.coins, expires_at = EXCLUDED.expires_at;
  shown := jsonb_build_object('id', sender.id, 'handle', sender.handle, 'displayName', sender.display_name);
  IF open.gift_id IS NOT NULL AND NOT continues THEN
    SELECT jsonb_build_object('sender', shown, 'gift', jsonb_build_object('id', g.id, 'name', g.name, 'coins', g.coins),
        'total', open.total, 'coins', open.coins)
      INTO ended FROM gift g WHERE g.id = open.gift_id;
  END IF;
  events := CASE WHEN ended IS NULL THEN 1 ELSE 2 END;

  -- The stream's rows: from here on its gifts wait for each other.
  UPDATE live_log l SET last_seq = l.last_seq + events WHERE l.stream_id = p_stream RETURNING l.last_seq INTO gift_seq;
  UPDATE stream u SET gift_coins = u.gift_coins + price WHERE u.id = p_stream AND u.status = 'LIVE' RETURNING * INTO s;
  IF NOT FOUND THEN RAISE EXCEPTION 'The stream is not live'; END IF;
  earned := div(s.gift_coins::numeric * s.rate_diamonds, s.rate_coins) - div((s.gift_coins - price)::numeric * s.rate_diamonds, s.rate_coins);
  INSERT INTO live_event (stream_id, seq, type, payload, occurred_at)
    SELECT p_stream, gift_seq - 1, 'STREAK_ENDED', ended, at WHERE ended IS NOT NULL
    UNION ALL
    SELECT p_stream, gift_seq, 'GIFT_SENT', jsonb_build_object('sender', shown,
        'gift', jsonb_build_object('id', kind.id, 'name', kind.name, 'coins', kind.coins),
        'quantity', p_quantity, 'coins', price, 'streak', streak), at;
  INSERT INTO gift_sent (viewer_id, idempotency_key, stream_id, gift_id, quantity, coins, diamonds, seq, created_at, streak)
    VALUES (p_viewer, p_key, p_stream, p_gift, p_quantity, price, earned, gift_seq, at, streak) RETURNING id INTO gift_row;
  INSERT INTO gift_key (viewer_id, idempotency_key, gift_sent_id) VALUES (p_viewer, p_key, gift_row);
  SELECT * INTO earner FROM ledger_account a WHERE a.id = s.gifts_account_id FOR NO KEY UPDATE;
  moved := nextval('transfer_id_seq');
  link := sha256(transfer_body(moved, wallet.id, earner.id, 'COIN', price, 'GIFT_SPENT', gift_row, NULL, at)
                 || coalesce(wallet.last_hash, '') || coalesce(earner.last_hash, ''));
  INSERT INTO transfer (id, debit_account_id, credit_account_id, unit, amount, kind, cause_id, created_at, debit_prev, credit_prev, debit_hash, credit_hash)
    VALUES (moved, wallet.id, earner.id, 'COIN', price, 'GIFT_SPENT', gift_row, at,
            wallet.last_transfer_id, earner.last_transfer_id, wallet.last_hash, earner.last_hash);
  UPDATE ledger_account a SET balance = a.balance + CASE a.id WHEN earner.id THEN price ELSE -price END, version = a.version + 1,
      last_transfer_id = moved, last_hash = link, transfers = a.transfers + 1
    WHERE a.id IN (wallet.id, earner.id);
  IF earned > 0 THEN
    SELECT * INTO issuer FROM ledger_account a WHERE a.id = s.issuance_account_id FOR NO KEY UPDATE;
    SELECT * INTO earner FROM ledger_account a WHERE a.id = s.pending_account_id FOR NO KEY UPDATE;
    moved := nextval('transfer_id_seq');
    link := sha256(transfer_body(moved, issuer.id, earner.id, 'DIAMOND', earned, 'GIFT_EARNED', gift_row, NULL, at)
                   || coalesce(issuer.last_hash, '') || coalesce(earner.last_hash, ''));
    INSERT INTO transfer (id, debit_account_id, credit_account_id, unit, amount, kind, cause_id, created_at, debit_prev, credit_prev, debit_hash, credit_hash)
      VALUES (moved, issuer.id, earner.id, 'DIAMOND', earned, 'GIFT_EARNED', gift_row, at,
              issuer.last_transfer_id, earner.last_transfer_id, issuer.last_hash, earner.last_hash);
    UPDATE ledger_account a SET balance = a.balance + CASE a.id WHEN earner.id THEN earned ELSE -earned END, version = a.version + 1,
        last_transfer_id = moved, last_hash = link, transfers = a.transfers + 1
      WHERE a.id IN (issuer.id, earner.id);
  END IF;
  outcome := 'SENT';
END $$;
