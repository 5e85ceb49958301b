import type pg from 'pg';
import { type Queryable, rows, type Statement, statement } from './database.ts';

/** Rows of the largest page that a list may be asked for, and the one behind it that shows whether there is more. */
export const KEYSET_LIMIT_MAX = 101;

/**
 * Which rows of a list a page holds: the first ones or, backwards, the last ones; of those beyond `from`, if it is given.
 * That is an id and not a row: a page goes on in the same place after its row has left the list. A list in another order than
 * that of its ids goes on from what it is ordered by, and the id.
 */
export type Keyset<From = bigint> = { backwards: boolean; from: From | undefined; limit: number };

/** The parts of a page's statement that depend on where the page stands. */
export type KeysetSql = {
  /** A condition on the id. */
  where: string;
  direction: 'ASC' | 'DESC';
  /** Rows to cut the list to before anything is joined to it. */
  limitMax: number;
};

/** The statements that read a list, one for each kind of position. */
export type KeysetStatements = { first: Statement; after: Statement; last: Statement; before: Statement };

/**
 * The statements of a list in the order of its rows' ids. A single one (`$2 IS NULL OR id > $2`) would be planned anew for
 * each call, and so would one that ends in `LIMIT $1` alone: of a limit that it does not know Postgres expects a tenth of all
 * rows. Hence `text` cuts the list to `limitMax` first, and to $1 at its end.
 * @param list.id the column, as the condition is to name it
 * @param list.order of the list, read forwards
 * @param list.values how many more values there are, from $2 on
 */
export function keysetStatements(
  name: string,
  list: { id: string; order: 'ASC' | 'DESC'; values?: number },
  text: (sql: KeysetSql) => string,
): KeysetStatements {
  const make = (position: keyof KeysetStatements): Statement => {
    const backwards = position === 'last' || position === 'before';
    const ascending = (list.order === 'ASC') !== backwards;
    const beyond = `${list.id} ${ascending ? '>' : '<'} $${(list.values ?? 0) + 2}`;
    const where = position === 'after' || position === 'before' ? beyond : 'true';
    const direction = ascending ? 'ASC' : 'DESC';
    return statement(`${name}.${position}`, text({ where, direction, limitMax: KEYSET_LIMIT_MAX }));
  };
  return { first: make('first'), after: make('after'), last: make('last'), before: make('before') };
}

/** Reads a page, in the order of the list. */
export async function readKeyset<Row extends pg.QueryResultRow>(
  sql: Queryable,
  statements: KeysetStatements,
  { backwards, from, limit }: Keyset,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const parameters = [limit, ...values];
  if (from !== undefined) parameters.push(from);
  const [open, beyond] = backwards ? [statements.last, statements.before] : [statements.first, statements.after];
  const found = await rows<Row>(sql, from === undefined ? open : beyond, parameters);
  return backwards ? found.reverse() : found;
}
