import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import type { IdentityStatus } from './payouts.state.ts';

/** Whom the provider knows a creator as. */
export type IdentityRow = {
  creatorId: bigint;
  status: Exclude<IdentityStatus, 'UNVERIFIED'>;
  accountToken: string;
  submittedAt: Date;
  decidedAt: Date | null;
};

const COLUMNS = `creator_id AS "creatorId", status, account_token AS "accountToken", submitted_at AS "submittedAt",
  decided_at AS "decidedAt"`;

/** A creator's identity; undefined while none was submitted. */
export async function readIdentity(sql: Queryable, creatorId: bigint): Promise<IdentityRow | undefined> {
  const [identity] = await rows<IdentityRow>(
    sql,
    `/* payouts.identity */ SELECT ${COLUMNS} FROM creator_identity WHERE creator_id = $1`,
    [creatorId],
  );
  return identity;
}

/** Writes what a creator submitted, in place of what there was, to be decided. The same account again changes nothing. */
export async function submitIdentity(
  sql: Queryable,
  { creatorId, accountToken }: Pick<IdentityRow, 'creatorId' | 'accountToken'>,
): Promise<{ identity: IdentityRow; isNew: boolean }> {
  const [written] = await rows<IdentityRow>(
    sql,
    `/* payouts.submitIdentity */ INSERT INTO creator_identity AS i (creator_id, status, account_token) VALUES ($1, 'PENDING', $2)
     ON CONFLICT (creator_id) DO UPDATE SET status = 'PENDING', account_token = $2, submitted_at = clock_timestamp(), decided_at = NULL,
         check_at = clock_timestamp()
      WHERE i.account_token <> $2 RETURNING ${COLUMNS}`,
    [creatorId, accountToken],
  );
  if (written) return { identity: written, isNew: true };
  return { identity: (await readIdentity(sql, creatorId))!, isNew: false };
}

/**
 * Decides an identity that is still what it was when somebody looked at it.
 * @returns the identity; undefined when it is another by now
 */
export async function decideIdentity(
  sql: Queryable,
  was: Pick<IdentityRow, 'creatorId' | 'accountToken' | 'status'>,
  status: 'VERIFIED' | 'REJECTED',
): Promise<IdentityRow | undefined> {
  const [decided] = await rows<IdentityRow>(
    sql,
    `/* payouts.decideIdentity */ UPDATE creator_identity SET status = $4, decided_at = clock_timestamp()
      WHERE creator_id = $1 AND account_token = $2 AND status = $3 RETURNING ${COLUMNS}`,
    [was.creatorId, was.accountToken, was.status, status],
  );
  return decided;
}

/** Takes identities that nobody has decided for a while, for a while. */
export async function takeOpenIdentities(
  sql: SqlTransaction,
  { limit, againAfterMs }: { limit: number; againAfterMs: number },
): Promise<IdentityRow[]> {
  return rows<IdentityRow>(
    sql,
    `/* payouts.takeIdentities */ UPDATE creator_identity SET check_at = clock_timestamp() + make_interval(secs => $2::float8 / 1000)
      WHERE creator_id IN (SELECT creator_id FROM creator_identity WHERE status = 'PENDING' AND check_at <= clock_timestamp()
                            ORDER BY check_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED) RETURNING ${COLUMNS}`,
    [limit, againAfterMs],
  );
}
