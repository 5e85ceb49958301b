-- Reactions, what the ground has not: whether they are performed by the clock, and what the creator is performing.

-- One a creator: a person performs one thing at a time. No row: never performed anything, and not by the clock.
-- Belongs to the holder of the log of the creator's live stream, except "auto_perform", which its own row lock guards.
CREATE TABLE "reaction_clock" (
  "creator_id" BIGINT NOT NULL,
  "auto_perform" BOOLEAN NOT NULL DEFAULT false,
  -- The newest performance, from its beginning to its end. Both, so that a clock that is set back is recognised: nothing has begun
  -- in the future, and so what seems to is over.
  "busy_from" TIMESTAMPTZ(3),
  "busy_until" TIMESTAMPTZ(3),
  CONSTRAINT "reaction_clock_pkey" PRIMARY KEY ("creator_id"),
  CONSTRAINT "reaction_clock_busy" CHECK (("busy_from" IS NULL) = ("busy_until" IS NULL) AND "busy_from" <= "busy_until"),
  CONSTRAINT "reaction_clock_creator_id_fkey" FOREIGN KEY ("creator_id")
    REFERENCES "creator"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
