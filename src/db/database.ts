import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import type { Logger } from 'pino';
import { PrismaClient } from '../generated/prisma/client.ts';
import { Instruments, type Span } from '../kernel/instruments.ts';
import { REPLICA_ANSWER_MS_MAX, Replica, readsFromReplica } from './replica.ts';
import { conflictOf, isWriteConflict } from './sql-errors.ts';
import { Sweeps } from './sweeps.ts';

/** Connections in one process's pool. Small: gifts use one, and hot rows gain nothing from more. */
export const POOL_SIZE_MAX = 16;
/** Attempts at a SQL transaction that loses against another, the first included. */
export const TRANSACTION_ATTEMPTS_MAX = 5;
const CONNECT_TIMEOUT_MS = 5_000;
/** Background work needs several connections for a moment, now and then: to make them anew each time costs more than to keep them. */
const IDLE_TIMEOUT_MS = 300_000;
/** No statement of a request takes so long; one that does is ended by Postgres and its transaction rolled back. */
export const STATEMENT_TIMEOUT_MS = 30_000;

/** An open SQL transaction. Whoever takes one writes with it and neither commits nor rolls back. */
export type SqlTransaction = { query: pg.ClientBase['query'] };

/** Something that SQL can be sent to: the pool, or a transaction. */
export type Queryable = { query: pg.ClientBase['query'] };

/** Called with the text of every SQL statement that the process sends, and where it is sent. */
export type SqlListener = (text: string, to: 'primary' | 'replica') => void;

/** Postgres as the rest of the code sees it. */
export type Database = {
  pool: pg.Pool;
  prisma: PrismaClient;
  /** What counts and traces: whoever has the database has them. */
  instruments: Instruments;
  /** Where queries may be read from, see `onReplica`. */
  replica: Replica | undefined;
  /** Runs background work when there is some. */
  sweeps: Sweeps;
  /** Runs `work` in one SQL transaction, committed when it returns and rolled back when it throws; a lost write conflict is tried again. */
  inTransaction: <T>(work: (sql: SqlTransaction) => Promise<T>) => Promise<T>;
  /** Hears every statement until the returned function is called. For tests that count them. */
  onSql: (listener: SqlListener) => () => void;
  /** Closes every connection, after the statements under way. */
  close: () => Promise<void>;
};

// int8 as bigint: amounts and ids are exact, and JSON.stringify refuses them instead of rounding.
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8
      ? BigInt
      : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};

/** Opens the pool and the Prisma client over it. Nothing is sent before the first query. */
export function connectDatabase(
  url: string,
  log: Logger,
  {
    instruments = new Instruments(),
    replicaUrl,
    connectMsMax = CONNECT_TIMEOUT_MS,
  }: {
    instruments?: Instruments | undefined;
    replicaUrl?: string | undefined;
    /** How long a statement may wait for a connection. */
    connectMsMax?: number | undefined;
  } = {},
): Database {
  const listeners = new Set<SqlListener>();
  const primary = openPool(url, log, { listeners, to: 'primary', instruments, connectMsMax });
  const replica =
    replicaUrl === undefined
      ? undefined
      : new Replica(
          openPool(replicaUrl, log, { listeners, to: 'replica', instruments }),
          openPool(url, log, { max: 1, instruments }),
          log,
        );
  const prisma = new PrismaClient({ adapter: new PrismaPg(primary) });
  return {
    pool: replica ? routed(primary, replica.pool) : primary,
    prisma,
    instruments,
    replica,
    sweeps: new Sweeps(primary, log, instruments),
    inTransaction: (work) => inTransaction(primary, instruments, work),
    onSql: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      await replica?.close();
      await prisma.$disconnect();
      await primary.end();
    },
  };
}

type PoolOptions = {
  listeners?: ReadonlySet<SqlListener>;
  to?: 'primary' | 'replica';
  max?: number;
  connectMsMax?: number;
  instruments: Instruments;
};

function openPool(
  url: string,
  log: Logger,
  { listeners = new Set(), to = 'primary', max, connectMsMax = CONNECT_TIMEOUT_MS, instruments }: PoolOptions,
): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: max ?? POOL_SIZE_MAX,
    connectionTimeoutMillis: to === 'replica' ? REPLICA_ANSWER_MS_MAX : connectMsMax,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    ...(to === 'replica' ? { query_timeout: REPLICA_ANSWER_MS_MAX } : {}),
    keepAlive: true,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    application_name: 'hadiya',
    // Statements of one transaction that do not wait for each other are sent at once, see `together`.
    pipeline: true,
    Client: hearingClient(listeners, to, instruments),
  });
  // An idle connection that breaks (Postgres restarts) is replaced by the pool; without a listener it would end the process.
  // `end` does not wait for Postgres to let go of a connection: one that is ended on both sides at once is not broken.
  const broke = (error: Error, what: string) => pool.ending || log.warn({ err: error }, what);
  pool.on('error', (error) => broke(error, 'an idle database connection broke'));
  // The pool listens only while a connection is idle. One that breaks inside a transaction rejects what is asked of it; that
  // it also says so to nobody must not end the process.
  pool.on('connect', (client) => client.on('error', (error) => broke(error, 'a database connection broke')));
  return pool;
}

/** The pool of the primary, whose single statements go to the replica where that is what is read from. */
function routed(primary: pg.Pool, replica: pg.Pool): pg.Pool {
  return new Proxy(primary, {
    get(target, name) {
      const pool = name === 'query' && readsFromReplica() ? replica : target;
      const value = Reflect.get(pool, name, pool) as unknown;
      return typeof value === 'function' ? value.bind(pool) : value;
    },
  });
}

/**
 * A prepared statement: each connection has Postgres parse and plan it once. For what is sent often. Its text is always the
 * same: what differs from call to call is a value, or else another statement.
 */
export type Statement = { readonly name: string; readonly text: string };

/** A prepared statement. Its name also stands in the text, for whoever reads the log of Postgres. */
export function statement(name: string, text: string): Statement {
  return { name, text: `/* ${name} */ ${text}` };
}

/** `sql.query` with int8 as bigint. Prisma keeps pg's own parsers, so the setting goes with each query. */
export async function rows<Row extends pg.QueryResultRow>(
  sql: Queryable,
  query: string | Statement,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const prepared = typeof query === 'string' ? { text: query } : query;
  const result = await sql.query<Row>({ ...prepared, values: [...values], types });
  return result.rows;
}

/** What Postgres says of a statement behind one that failed in the same transaction. */
const IN_FAILED_TRANSACTION = '25P02';

/**
 * Waits for statements of one transaction that do not need each other's results. They are sent at once and done in the order that
 * they were sent, so locks are still taken in that order; what is saved are the round trips, while locks are held.
 * Always waits for all of them: nothing of a failed transaction may be sent after its end.
 * @throws what the first one threw that failed by itself
 */
export async function together<Results extends readonly unknown[]>(
  ...work: { [Index in keyof Results]: Promise<Results[Index]> }
): Promise<Results> {
  const ends = await Promise.allSettled(work);
  const errors = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
  if (errors.length > 0) {
    throw errors.find((error) => (error as { code?: unknown } | null)?.code !== IN_FAILED_TRANSACTION) ?? errors[0];
  }
  return ends.map((end) => (end as PromiseFulfilledResult<unknown>).value) as unknown as Results;
}

/** A name for the database that no other has: not one on another server, nor a copy of it on the same. */
export async function readDeployment(sql: Queryable): Promise<string> {
  const [deployment] = await rows<{ id: string }>(
    sql,
    `/* db.deployment */ SELECT left(md5(d.oid::text || min(m.id)), 12) AS id FROM pg_database d, _prisma_migrations m
      WHERE d.datname = current_database() GROUP BY d.oid`,
  );
  return deployment!.id;
}

async function inTransaction<T>(
  pool: pg.Pool,
  { meters }: Instruments,
  work: (sql: SqlTransaction) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptTransaction(pool, work);
    } catch (error) {
      if (!isWriteConflict(error) || attempt === TRANSACTION_ATTEMPTS_MAX) throw error;
      meters.transactionRetries.add(conflictOf(error));
    }
  }
}

async function attemptTransaction<T>(pool: pg.Pool, work: (sql: SqlTransaction) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    // Sent with the first statement, which waits behind it.
    const [, result] = await together(client.query('BEGIN'), work(client));
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

/** The name in the comment that each of our statements begins with; Prisma's have none. */
function nameOf(text: string): string {
  return /^\s*\/\* ?([\w.-]+)/.exec(text)?.[1] ?? /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? 'SQL';
}

/** Ends the span when the answer comes, by whichever of pg's ways the caller waits for it. */
// biome-ignore lint/suspicious/noExplicitAny: as below
function traced(span: Span, args: any[], send: (args: any[]) => any): any {
  const callback = args.at(-1);
  if (typeof callback === 'function') {
    return send([
      ...args.slice(0, -1),
      (error: unknown, result: unknown) => {
        span.end(error ?? undefined);
        callback(error, result);
      },
    ]);
  }
  const sent = send(args);
  if (sent instanceof Promise) {
    sent.then(
      () => span.end(),
      (error: unknown) => span.end(error),
    );
  } else span.end();
  return sent;
}

function hearingClient(
  listeners: ReadonlySet<SqlListener>,
  to: 'primary' | 'replica',
  instruments: Instruments,
): typeof pg.Client {
  return class extends pg.Client {
    // biome-ignore lint/suspicious/noExplicitAny: pg's query has a dozen overloads, and all of them pass through
    override query(...args: any[]): any {
      if (listeners.size === 0 && !instruments.tracer) return super.query(...(args as Parameters<pg.Client['query']>));
      const text = typeof args[0] === 'string' ? args[0] : args[0]?.text;
      if (typeof text === 'string') for (const listener of listeners) listener(text, to);
      // Only what is done for somebody: a trace of every sweep would bury the others.
      const parent = instruments.cause?.span;
      if (instruments.tracer && parent && typeof text === 'string') {
        const name = nameOf(text);
        const attributes = { 'db.system.name': 'postgresql', 'db.operation.name': name };
        const span = instruments.tracer.start(`SQL ${name}`, { kind: 'client', parent, attributes });
        // biome-ignore lint/suspicious/noExplicitAny: as above
        return traced(span, args, (sent: any[]) => super.query(...(sent as Parameters<pg.Client['query']>)));
      }
      return super.query(...(args as Parameters<pg.Client['query']>));
    }
  } as typeof pg.Client;
}
