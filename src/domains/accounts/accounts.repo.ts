import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';

/** A person, as the rest of the code needs one: who acts, and what the feed shows of them. */
export type ViewerRow = { id: bigint; subject: string; handle: string; displayName: string };

const COLUMNS = 'id, subject, handle, display_name AS "displayName"';

/** The viewer that an identity provider's subject stands for. */
export async function findBySubject(sql: Queryable, subject: string): Promise<ViewerRow | undefined> {
  const [viewer] = await rows<ViewerRow>(
    sql,
    `/* accounts.bySubject */ SELECT ${COLUMNS} FROM viewer WHERE subject = $1`,
    [subject],
  );
  return viewer;
}

/** Draws the id of a viewer to be inserted: the wallet is opened first and names its owner. */
export async function drawViewerId(sql: SqlTransaction): Promise<bigint> {
  const [drawn] = await rows<{ id: bigint }>(sql, `/* accounts.drawId */ SELECT nextval('viewer_id_seq') AS id`);
  return drawn!.id;
}

/** Inserts a viewer. A taken subject or handle raises viewer_subject_key or viewer_handle_key. */
export async function insertViewer(
  sql: SqlTransaction,
  viewer: ViewerRow & { walletId: bigint; birthDate: string | undefined; region: string | undefined },
): Promise<ViewerRow> {
  const [inserted] = await rows<ViewerRow>(
    sql,
    `/* accounts.insert */ INSERT INTO viewer (id, subject, handle, display_name, wallet_id, birth_date, region)
     VALUES ($1, $2, $3, $4, $5, $6::date, $7) RETURNING ${COLUMNS}`,
    [
      viewer.id,
      viewer.subject,
      viewer.handle,
      viewer.displayName,
      viewer.walletId,
      viewer.birthDate ?? null,
      viewer.region ?? null,
    ],
  );
  return inserted!;
}
