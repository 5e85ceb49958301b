-- Moderation: who may keep others from a creator's streams, what may not be said there, what was reported, and a log of who did what.
-- Mutes and bans themselves are rows of `restriction` (migration `trust`). Creator 0 stands for all of the platform, whose
-- moderators are its operators. Viewers, creators and streams are never deleted, and 0 stands for none: no foreign keys to them
-- where that is possible.
--
-- In the lock order this is nowhere: a transaction of this domain locks one row (a creator, a word list, a restriction), and whoever
-- sends gifts, likes or chat reads these tables without a lock. So what is committed holds for every batch that begins afterwards.

-- Who is restricted in a creator's streams: the platform's bans are read by every server.
CREATE INDEX "restriction_creator_id_viewer_id_idx" ON "restriction"("creator_id", "viewer_id");

CREATE TABLE "moderator" (
  "creator_id" BIGINT NOT NULL,
  "viewer_id" BIGINT NOT NULL,
  "appointed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "moderator_pkey" PRIMARY KEY ("creator_id", "viewer_id"),
  CONSTRAINT "moderator_creator_id_fkey" FOREIGN KEY ("creator_id")
    REFERENCES "creator"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "moderator_viewer_id_fkey" FOREIGN KEY ("viewer_id")
    REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

-- A stream whose chat is slow; without a row it is not.
CREATE TABLE "slow_mode" (
  "stream_id" BIGINT NOT NULL,
  "seconds" INTEGER NOT NULL CHECK ("seconds" > 0),
  CONSTRAINT "slow_mode_pkey" PRIMARY KEY ("stream_id")
);
-- When somebody said the last thing in a slow chat.
CREATE TABLE "slow_turn" (
  "stream_id" BIGINT NOT NULL,
  "viewer_id" BIGINT NOT NULL,
  "said_at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "slow_turn_pkey" PRIMARY KEY ("stream_id", "viewer_id")
) WITH (fillfactor = 70);

-- Words and phrases that may not be said in a creator's streams. `folded` is what counts as the same (moderation/words.ts).
CREATE TABLE "blocked_word" (
  "id" BIGSERIAL NOT NULL,
  "creator_id" BIGINT NOT NULL,
  "phrase" TEXT NOT NULL CHECK (char_length("phrase") BETWEEN 1 AND 100),
  "folded" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "blocked_word_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "blocked_word_creator_id_folded_key" ON "blocked_word"("creator_id", "folded");
-- Changes whenever a creator's words do: servers keep the words of a version. Its lock orders the changes.
CREATE TABLE "word_list" (
  "creator_id" BIGINT NOT NULL,
  "version" BIGINT NOT NULL,
  CONSTRAINT "word_list_pkey" PRIMARY KEY ("creator_id")
);

-- Who did what to whom, why, and until when ('infinity' is for good). Never changed.
CREATE TABLE "moderation_action" (
  "id" BIGSERIAL NOT NULL,
  "creator_id" BIGINT NOT NULL,
  "actor_id" BIGINT NOT NULL,
  "kind" TEXT NOT NULL CHECK ("kind" IN ('MUTED', 'UNMUTED', 'BANNED', 'UNBANNED', 'MODERATOR_ADDED', 'MODERATOR_REMOVED',
    'SLOW_MODE_SET', 'WORDS_BLOCKED', 'WORDS_UNBLOCKED', 'REPORT_RESOLVED')),
  "viewer_id" BIGINT,
  "stream_id" BIGINT,
  "reason" TEXT CHECK (char_length("reason") <= 500),
  "until" TIMESTAMPTZ(3),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "moderation_action_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "moderation_action_creator_id_id_idx" ON "moderation_action"("creator_id", "id");
CREATE INDEX "moderation_action_viewer_id_id_idx" ON "moderation_action"("viewer_id", "id");
CREATE TRIGGER "moderation_action_immutable" BEFORE UPDATE OR DELETE ON "moderation_action"
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Somebody finds that a stream, a viewer or a chat message is against the rules; once per person and subject.
CREATE TABLE "report" (
  "id" BIGSERIAL NOT NULL,
  "reporter_id" BIGINT NOT NULL,
  "subject" TEXT NOT NULL CHECK ("subject" IN ('STREAM', 'VIEWER', 'CHAT_MESSAGE')),
  -- In whose streams: 0 when it is not about one.
  "creator_id" BIGINT NOT NULL,
  "stream_id" BIGINT NOT NULL,
  -- Who is reported: the creator of the stream, the viewer, whoever has said it.
  "viewer_id" BIGINT NOT NULL,
  -- The number of the chat message in the log; 0 for the rest.
  "seq" BIGINT NOT NULL,
  -- What was said, or the stream's title, as it was reported.
  "quote" TEXT,
  "reason" TEXT NOT NULL,
  "note" TEXT CHECK (char_length("note") <= 500),
  "state" TEXT NOT NULL DEFAULT 'OPEN' CHECK ("state" IN ('OPEN', 'ACTED', 'DISMISSED')),
  "resolved_by" BIGINT,
  "resolved_at" TIMESTAMPTZ(3),
  "resolution_note" TEXT CHECK (char_length("resolution_note") <= 500),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "report_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "report_resolved" CHECK (("state" = 'OPEN') = ("resolved_at" IS NULL) AND ("state" = 'OPEN') = ("resolved_by" IS NULL))
);
CREATE UNIQUE INDEX "report_once" ON "report"("reporter_id", "subject", "stream_id", "viewer_id", "seq");
CREATE INDEX "report_creator_id_state_id_idx" ON "report"("creator_id", "state", "id");
CREATE INDEX "report_state_id_idx" ON "report"("state", "id");

-- What keeps viewers from taking part in streams now, pair by pair; pairs without anything are left out, and streams that there are
-- not. The later end counts, of what the creator's people and the platform said.
CREATE FUNCTION restricted(p_stream bigint[], p_viewer bigint[])
RETURNS TABLE (stream_id bigint, viewer_id bigint, banned_until timestamptz, muted_until timestamptz)
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
DECLARE now_at timestamptz := clock_timestamp();
BEGIN
  RETURN QUERY
    SELECT p.stream_id, p.viewer_id, r.banned, r.muted
      FROM (SELECT DISTINCT i.stream_id, i.viewer_id FROM unnest(p_stream, p_viewer) i(stream_id, viewer_id)) p
      JOIN LATERAL (SELECT s.creator_id FROM stream s WHERE s.id = p.stream_id LIMIT 1) s ON true
      JOIN LATERAL (
        SELECT max(x.banned_until) FILTER (WHERE x.banned_until > now_at) AS banned,
               max(x.muted_until) FILTER (WHERE x.muted_until > now_at) AS muted
          FROM restriction x WHERE x.viewer_id = p.viewer_id AND x.creator_id = ANY (ARRAY[0, s.creator_id])
      ) r ON r.banned IS NOT NULL OR r.muted IS NOT NULL;
END $$;

-- All that chat must obey, pair by pair, in the order of the pairs; streams that there are not are left out. wait_ms is how long the
-- viewer must wait before the next message of a slow chat, never longer than slow mode itself, whatever the clock did.
CREATE FUNCTION chat_rules(p_stream bigint[], p_viewer bigint[])
RETURNS TABLE (place int, creator_id bigint, banned_until timestamptz, muted_until timestamptz, slow_ms int, wait_ms int,
  trusted boolean, words bigint, platform_words bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
DECLARE
  now_at timestamptz := clock_timestamp();
  platform bigint := (SELECT l.version FROM word_list l WHERE l.creator_id = 0);
BEGIN
  RETURN QUERY
    SELECT p.place::int, s.creator_id, r.banned, r.muted, m.seconds * 1000,
           greatest(least(m.seconds * 1000, ceil(m.seconds * 1000 - extract(epoch FROM now_at - t.said_at) * 1000)), 0)::int,
           s.owner_id = p.viewer_id OR d.viewer_id IS NOT NULL, l.version, platform
      FROM unnest(p_stream, p_viewer) WITH ORDINALITY p(stream_id, viewer_id, place)
      JOIN LATERAL (
        SELECT s.creator_id, c.viewer_id AS owner_id FROM stream s JOIN creator c ON c.id = s.creator_id WHERE s.id = p.stream_id LIMIT 1
      ) s ON true
      CROSS JOIN LATERAL (
        SELECT max(x.banned_until) FILTER (WHERE x.banned_until > now_at) AS banned,
               max(x.muted_until) FILTER (WHERE x.muted_until > now_at) AS muted
          FROM restriction x WHERE x.viewer_id = p.viewer_id AND x.creator_id = ANY (ARRAY[0, s.creator_id])
      ) r
      LEFT JOIN LATERAL (SELECT i.seconds FROM slow_mode i WHERE i.stream_id = p.stream_id LIMIT 1) m ON true
      LEFT JOIN LATERAL (
        SELECT i.said_at FROM slow_turn i WHERE i.stream_id = p.stream_id AND i.viewer_id = p.viewer_id LIMIT 1
      ) t ON true
      LEFT JOIN LATERAL (
        SELECT i.viewer_id FROM moderator i WHERE i.creator_id = s.creator_id AND i.viewer_id = p.viewer_id LIMIT 1
      ) d ON true
      LEFT JOIN LATERAL (SELECT i.version FROM word_list i WHERE i.creator_id = s.creator_id LIMIT 1) l ON true
     ORDER BY p.place;
END $$;
