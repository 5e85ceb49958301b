import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';

/** Where somebody wants parcels to go. One that was removed is kept: orders that were placed go there. */
export type AddressRow = {
  id: bigint;
  viewerId: bigint;
  name: string;
  line1: string;
  line2: string | null;
  city: string;
  postalCode: string | null;
  /** ISO 3166-1 alpha-2. */
  country: string;
  removedAt: Date | null;
};

/** What a viewer says of an address. */
export type AddressDraft = Omit<AddressRow, 'id' | 'viewerId' | 'removedAt'>;

const COLUMNS = `id, viewer_id AS "viewerId", name, line1, line2, city, postal_code AS "postalCode", country, removed_at AS "removedAt"`;

const BY_ID = statement('accounts.addresses', `SELECT ${COLUMNS} FROM address WHERE id = ANY($1)`);

/** Addresses by id, removed ones included, in one statement, in any order. */
export async function findAddresses(sql: Queryable, ids: readonly bigint[]): Promise<AddressRow[]> {
  return rows<AddressRow>(sql, BY_ID, [ids]);
}

/** The addresses of a viewer that are not removed, oldest first. */
export async function findAddressesOf(sql: Queryable, viewerId: bigint): Promise<AddressRow[]> {
  return rows<AddressRow>(
    sql,
    `/* accounts.addressesOf */ SELECT ${COLUMNS} FROM address WHERE viewer_id = $1 AND removed_at IS NULL ORDER BY id`,
    [viewerId],
  );
}

/** Locks a viewer, whose addresses nobody else adds to until the transaction ends, and counts them. */
export async function lockAddressBook(sql: SqlTransaction, viewerId: bigint): Promise<number> {
  await rows(sql, '/* accounts.lockViewer */ SELECT 1 FROM viewer WHERE id = $1 FOR NO KEY UPDATE', [viewerId]);
  const [counted] = await rows<{ count: bigint }>(
    sql,
    '/* accounts.countAddresses */ SELECT count(*) AS count FROM address WHERE viewer_id = $1 AND removed_at IS NULL',
    [viewerId],
  );
  return Number(counted!.count);
}

/** Inserts an address. */
export async function insertAddress(sql: Queryable, viewerId: bigint, address: AddressDraft): Promise<bigint> {
  const { name, line1, line2, city, postalCode, country } = address;
  const [inserted] = await rows<{ id: bigint }>(
    sql,
    `/* accounts.insertAddress */ INSERT INTO address (viewer_id, name, line1, line2, city, postal_code, country)
     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
    [viewerId, name, line1, line2, city, postalCode, country],
  );
  return inserted!.id;
}

/** Removes an address, if it is not removed already; undefined when the viewer has none such. */
export async function markRemoved(
  sql: Queryable,
  viewerId: bigint,
  id: bigint,
): Promise<{ replayed: boolean } | undefined> {
  const [removed] = await rows<{ replayed: boolean }>(
    sql,
    `/* accounts.removeAddress */ WITH removed AS (
       UPDATE address SET removed_at = clock_timestamp() WHERE id = $2 AND viewer_id = $1 AND removed_at IS NULL RETURNING id
     ) SELECT NOT EXISTS (SELECT FROM removed) AS replayed FROM address WHERE id = $2 AND viewer_id = $1`,
    [viewerId, id],
  );
  return removed;
}
