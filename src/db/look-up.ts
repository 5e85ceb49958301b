import type pg from 'pg';
import { groupBy } from '../kernel/group-by.ts';
import { type Queryable, rows, type Statement, statement } from './database.ts';
import DataLoader from './loader.ts';

/** The statements that look rows up by a key: one of them, or several at once. */
export type LookUpStatements = { one: Statement; many: Statement };

/**
 * The statements of a look-up. Of an array that it does not know Postgres expects ten keys, and so it would plan anew each
 * time that it is given one: hence that has a statement of its own.
 * @param text the SQL for a condition on the key, `= $1` or the like
 */
export function lookUpStatements(name: string, text: (equals: string) => string): LookUpStatements {
  return { one: statement(`${name}.one`, text('= $1')), many: statement(`${name}.many`, text('= ANY($1)')) };
}

/** Looks rows up, in one statement; those that there are, in any order. */
export async function lookUp<Row extends pg.QueryResultRow>(
  sql: Queryable,
  { one, many }: LookUpStatements,
  keys: readonly unknown[],
): Promise<Row[]> {
  return keys.length === 1 ? rows<Row>(sql, one, keys) : rows<Row>(sql, many, [keys]);
}

/** Rows that one statement looks up. */
const LOOK_UPS_PER_READ_MAX = 100;

/**
 * A look-up of single rows; those asked for at once are read together, and what is not there is null. Nothing is kept.
 * @param read the rows of these keys that there are, in any order
 */
export function createLookUp<Key extends bigint | string, Row>(
  read: (keys: readonly Key[]) => Promise<Row[]>,
  keyOf: (row: Row) => Key,
): (key: Key) => Promise<Row | null> {
  const loader = new DataLoader<Key, Row | null>(
    async (keys) => {
      const found = new Map((await read(keys)).map((row) => [keyOf(row), row]));
      return keys.map((key) => found.get(key) ?? null);
    },
    { cache: false, maxBatchSize: LOOK_UPS_PER_READ_MAX },
  );
  return (key) => loader.load(key);
}

/**
 * A look-up of lists of rows; those asked for at once are read together. Nothing is kept.
 * @param read the rows of these keys that there are, each list in its order
 */
export function createLists<Key extends bigint | string, Row>(
  read: (keys: readonly Key[]) => Promise<Row[]>,
  keyOf: (row: Row) => Key,
): (key: Key) => Promise<Row[]> {
  const loader = new DataLoader<Key, Row[]>(
    async (keys) => {
      const found = groupBy(await read(keys), keyOf);
      return keys.map((key) => found.get(key) ?? []);
    },
    { cache: false, maxBatchSize: LOOK_UPS_PER_READ_MAX },
  );
  return (key) => loader.load(key);
}
