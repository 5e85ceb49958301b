-- Battles between two streams on air. Nothing is written for a gift: the score of a side is the sum over pieces of
-- factor × (gift_coins at the end of the piece − gift_coins at its beginning), where a piece lasts from one border to the next: the
-- start, each multiplier, the end. Borders are taken under both logs' locks, and an event in both logs marks each, so that
-- the logs, replayed, give the same scores.
--
-- Lock order: battle rows by id, then accounts, then logs by stream (the migration `trust`). Whoever changes what the scores are made of
-- holds the battle and both logs.

CREATE TABLE "battle" (
  "id" BIGSERIAL NOT NULL,
  -- The stream whose creator has invited the other.
  "stream_id" BIGINT NOT NULL,
  "opponent_stream_id" BIGINT NOT NULL CHECK ("opponent_stream_id" <> "stream_id"),
  "state" TEXT NOT NULL DEFAULT 'INVITED' CHECK ("state" IN ('INVITED', 'DECLINED', 'EXPIRED', 'RUNNING', 'ENDED')),
  "duration_ms" INTEGER NOT NULL CHECK ("duration_ms" > 0),
  "invited_at" TIMESTAMPTZ(3) NOT NULL,
  "invite_until" TIMESTAMPTZ(3) NOT NULL,
  "started_at" TIMESTAMPTZ(3),
  "ends_at" TIMESTAMPTZ(3),
  -- The rules, copied when it begins: coins count `factors` times from `factor_at` on; at the end it is extended, once, if the lead is
  -- under so many per mille of all.
  "factors" INTEGER[] NOT NULL DEFAULT '{}' CHECK (0 < ALL ("factors")),
  "factor_at" TIMESTAMPTZ(3)[] NOT NULL DEFAULT '{}' CHECK (cardinality("factor_at") = cardinality("factors")),
  "extension_ms" INTEGER NOT NULL DEFAULT 0 CHECK ("extension_ms" >= 0),
  "close_per_mille" INTEGER NOT NULL DEFAULT 0 CHECK ("close_per_mille" BETWEEN 0 AND 1000),
  -- The piece under way: how often coins count, how many of `factors` have been in force, and the streams' gift_coins at its beginning.
  "factor" INTEGER NOT NULL DEFAULT 1 CHECK ("factor" > 0),
  "factors_done" INTEGER NOT NULL DEFAULT 0 CHECK ("factors_done" BETWEEN 0 AND cardinality("factors")),
  "coins_from" BIGINT NOT NULL DEFAULT 0 CHECK ("coins_from" >= 0),
  "opponent_coins_from" BIGINT NOT NULL DEFAULT 0 CHECK ("opponent_coins_from" >= 0),
  -- Of the pieces before it; once it has ended, of all.
  "score" BIGINT NOT NULL DEFAULT 0 CHECK ("score" >= 0),
  "opponent_score" BIGINT NOT NULL DEFAULT 0 CHECK ("opponent_score" >= 0),
  -- What the logs were told last, and when.
  "told_score" BIGINT NOT NULL DEFAULT 0,
  "opponent_told_score" BIGINT NOT NULL DEFAULT 0,
  "told_at" TIMESTAMPTZ(3),
  "extended" BOOLEAN NOT NULL DEFAULT false,
  "ended_at" TIMESTAMPTZ(3),
  "outcome" TEXT CHECK ("outcome" IN ('WON', 'DRAW', 'FORFEIT')),
  "winner_stream_id" BIGINT CHECK ("winner_stream_id" IN ("stream_id", "opponent_stream_id")),
  CONSTRAINT "battle_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "battle_begun" CHECK (("state" IN ('RUNNING', 'ENDED')) = ("started_at" IS NOT NULL)
    AND ("started_at" IS NULL) = ("ends_at" IS NULL) AND ("started_at" IS NULL) = ("told_at" IS NULL)),
  CONSTRAINT "battle_ended" CHECK (("state" = 'ENDED') = ("outcome" IS NOT NULL) AND ("state" = 'ENDED') = ("ended_at" IS NOT NULL)
    AND (("outcome" IN ('WON', 'FORFEIT')) IS TRUE) = ("winner_stream_id" IS NOT NULL)),
  CONSTRAINT "battle_stream_id_fkey" FOREIGN KEY ("stream_id") REFERENCES "stream"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "battle_opponent_stream_id_fkey" FOREIGN KEY ("opponent_stream_id")
    REFERENCES "stream"("id") ON DELETE RESTRICT ON UPDATE CASCADE
) WITH (fillfactor = 60);
CREATE INDEX "battle_state_ends_at_idx" ON "battle"("state", "ends_at");
CREATE INDEX "battle_stream_id_id_idx" ON "battle"("stream_id", "id");
CREATE INDEX "battle_opponent_stream_id_id_idx" ON "battle"("opponent_stream_id", "id");
-- One battle per stream at a time: that one does not run on the left of one and on the right of another is seen to under its log's lock.
CREATE UNIQUE INDEX "battle_one_running" ON "battle"("stream_id") WHERE "state" = 'RUNNING';
CREATE UNIQUE INDEX "battle_one_running_opponent" ON "battle"("opponent_stream_id") WHERE "state" = 'RUNNING';
CREATE UNIQUE INDEX "battle_one_invite" ON "battle"("stream_id", "opponent_stream_id") WHERE "state" = 'INVITED';

-- Fails as a lost write conflict does, so that the transaction is tried again: a battle began after the locks of those who end
-- with a stream were taken.
CREATE FUNCTION battle_came_between() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a battle began meanwhile' USING ERRCODE = 'serialization_failure';
END $$;
