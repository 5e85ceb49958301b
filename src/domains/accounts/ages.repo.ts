import { rows, type SqlTransaction } from '../../db/database.ts';

/** What a viewer has declared. */
export type Declared = {
  viewerId: bigint;
  /** As 2001-12-31. */
  birthDate: string | null;
  /** ISO 3166-1 alpha-2. */
  region: string | null;
};

/** What follows from it. */
export type Age = Declared & { giftsFrom: Date | null };

/** Locks a viewer and reads what they have declared, and what day it is. Undefined: there is no such viewer. */
export async function lockDeclared(
  sql: SqlTransaction,
  viewerId: bigint,
): Promise<(Declared & { today: string }) | undefined> {
  const [viewer] = await rows<Declared & { today: string }>(
    sql,
    `/* accounts.lockAge */ SELECT id AS "viewerId", birth_date::text AS "birthDate", region,
            (clock_timestamp() AT TIME ZONE 'UTC')::date::text AS today
       FROM viewer WHERE id = $1 FOR NO KEY UPDATE`,
    [viewerId],
  );
  return viewer;
}

/** Writes what a viewer has declared. From when on they may send gifts, a trigger says. */
export async function updateDeclared(sql: SqlTransaction, declared: Declared): Promise<Age> {
  const [age] = await rows<Age>(
    sql,
    `/* accounts.declareAge */ UPDATE viewer SET birth_date = $2::date, region = $3 WHERE id = $1
     RETURNING id AS "viewerId", birth_date::text AS "birthDate", region, gifts_from AS "giftsFrom"`,
    [declared.viewerId, declared.birthDate, declared.region],
  );
  return age!;
}

/** Notes what an operator has corrected. */
export async function insertCorrection(
  sql: SqlTransaction,
  correction: { operatorId: bigint; before: Declared; after: Declared; reason: string },
): Promise<void> {
  const { operatorId, before, after, reason } = correction;
  await rows(
    sql,
    `/* accounts.noteCorrection */ INSERT INTO age_correction
       (viewer_id, operator_id, birth_date_before, region_before, birth_date, region, reason)
     VALUES ($1, $2, $3::date, $4, $5::date, $6, $7)`,
    [after.viewerId, operatorId, before.birthDate, before.region, after.birthDate, after.region, reason],
  );
}
