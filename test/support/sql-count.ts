/** Counts the SQL statements of a piece of work, to show that a list page costs the same however long the list is. */

/** The part of the app that tells of its SQL. */
export type SqlSource = {
  /** Calls the listener with every statement; returns a function that ends it. */
  onSql(listener: (sql: string) => void): () => void;
};

/** What a piece of work did. */
export type SqlCount<T> = {
  result: T;
  /** How many statements it took. */
  count: number;
  /** The statements themselves, for the message of a failing test. */
  statements: string[];
};

/** Statements that only frame others. */
const FRAME = /^\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET)\b/i;

/** What every server does by itself as it starts, and now and then: it may fall into any piece of work. */
const HOUSEKEEPING =
  /^\/\* (months|pruning|statistics)\.\w+ \*\/|^\/\* (gifts\.forgetKeys|moderation\.platformBans) \*\//;

/** Runs the work and counts its statements. Nothing else may use the app meanwhile. */
export async function countSql<T>(app: SqlSource, work: () => Promise<T>): Promise<SqlCount<T>> {
  const statements: string[] = [];
  const stop = app.onSql((sql) => {
    if (!FRAME.test(sql) && !HOUSEKEEPING.test(sql)) statements.push(sql);
  });
  try {
    const result = await work();
    return { result, count: statements.length, statements };
  } finally {
    stop();
  }
}
