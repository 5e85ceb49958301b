-- Viewers in control, and the books: what operators have corrected of ages, and rules of regions that hold for everybody at once.

-- What an operator has corrected of what a viewer had declared.
CREATE TABLE "age_correction" (
  "id" BIGSERIAL NOT NULL,
  "viewer_id" BIGINT NOT NULL,
  "operator_id" BIGINT NOT NULL,
  "birth_date_before" DATE,
  "region_before" TEXT,
  "birth_date" DATE NOT NULL,
  "region" TEXT,
  "reason" TEXT NOT NULL CHECK (char_length("reason") BETWEEN 1 AND 200),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "age_correction_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "age_correction_viewer_id_fkey" FOREIGN KEY ("viewer_id")
    REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "age_correction_operator_id_fkey" FOREIGN KEY ("operator_id")
    REFERENCES "viewer"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "age_correction_viewer_id_id_idx" ON "age_correction"("viewer_id", "id");

-- gifts_from is computed from two tables, so that a viewer and a rule that change at once could each miss the other. The lock 'regi'
-- keeps them apart: viewers share it, a rule has it alone. What a transaction waits for, its next statement sees.
CREATE OR REPLACE FUNCTION viewer_gifts_from() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(x'72656769'::int);
  NEW.gifts_from := gifts_from(NEW.birth_date, NEW.region);
  RETURN NEW;
END $$;
-- As before, and set-based: a function call for every viewer would take many times as long.
CREATE OR REPLACE FUNCTION region_rule_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(x'72656769'::int);
  UPDATE viewer v SET gifts_from = n.gifts_from
    FROM (
      SELECT w.id, CASE WHEN r.gifts_allowed THEN (w.birth_date + make_interval(years => r.gift_age_min)) AT TIME ZONE 'UTC' END AS gifts_from
        FROM viewer w LEFT JOIN region_rule own ON own.region = w.region JOIN region_rule r ON r.region = coalesce(own.region, '')
       WHERE w.birth_date IS NOT NULL
    ) n
    WHERE v.id = n.id AND v.gifts_from IS DISTINCT FROM n.gifts_from;
  RETURN NULL;
END $$;
