/** What chaos happens to: one Postgres, one Redis, and two servers in processes of their own. */
import pg from 'pg';
import { rowId } from '../../src/graphql/global-id.ts';
import { freePort, type Redis, startRedis } from '../support/redis.ts';
import { type ServerProcess, type ServerProcessOptions, startServerProcess } from '../support/server-process.ts';

/** Connections for looking at the database; they are not terminated. */
const POOL_SIZE = 4;
/** How long a server may take to be up again, several starts on a busy machine included. */
const RESTART_ATTEMPTS_MAX = 3;
/** The name that this program's own connections go by. */
const OWN_NAME = 'hadiya-chaos';
/** As shipped: money waits while nobody can count, see docs/moderation.md. */
const RATE_LIMITS = { RATE_LIMIT_VIEWER: '6000', RATE_LIMIT_MONEY: '3000' };

/** A server that may be killed, and comes back on its port. */
export type Victim = { url: string; process: ServerProcess; restarted?: Promise<void> };

/** A running world. */
export type World = {
  pool: pg.Pool;
  /** At least two. The last one is never killed. */
  servers: readonly Victim[];
  /** SIGKILL, and a new process on the same port. Resolves when that one listens. */
  killServer(victim: Victim): Promise<void>;
  /** Ends every connection to the database but our own. Returns how many there were. */
  cutPostgres(): Promise<number>;
  /** SIGKILL. */
  killRedis(): Promise<void>;
  /** A new Redis, empty, on the same port. */
  restartRedis(): Promise<void>;
  /** SIGTERM to all servers; returns their exit codes. */
  stopServers(): Promise<(number | null)[]>;
  /** Kills what is left. */
  close(): Promise<void>;
};

/** Starts a Redis and the servers on a database. */
export async function startWorld(options: { databaseUrl: string; dataDir: string; servers: number }): Promise<World> {
  const { databaseUrl, dataDir } = options;
  const url = new URL(databaseUrl);
  url.searchParams.set('application_name', OWN_NAME);
  const pool = new pg.Pool({ connectionString: url.href, max: POOL_SIZE });
  pool.on('error', () => undefined); // a database that is dropped ends idle connections
  let redis: Redis = await startRedis();
  const start = (port: number): Promise<ServerProcess> => {
    const setUp: ServerProcessOptions = { databaseUrl, dataDir, redis: redis.url, port, env: RATE_LIMITS };
    return startServerProcess(setUp);
  };
  const servers: Victim[] = [];
  for (let number = 0; number < options.servers; number++) {
    const started = await start(await freePort());
    servers.push({ url: started.url, process: started });
  }
  return {
    pool,
    servers,
    killServer: (victim) => {
      const before = victim.restarted ?? Promise.resolve();
      victim.restarted = before.then(() => killAndRestart(victim, start));
      return victim.restarted;
    },
    cutPostgres: async () => {
      const { rows } = await pool.query<{ ended: boolean }>(
        `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
          WHERE datname = current_database() AND backend_type = 'client backend' AND application_name <> $1`,
        [OWN_NAME],
      );
      return rows.filter(({ ended }) => ended).length;
    },
    killRedis: () => redis.kill(),
    restartRedis: async () => {
      redis = await startRedis({ port: redis.port });
    },
    stopServers: async () => (await Promise.all(servers.map(({ process }) => process.stop()))).map(({ code }) => code),
    close: async () => {
      await Promise.all(servers.map(({ process }) => process.kill()));
      await redis.stop();
      await pool.end();
    },
  };
}

/** Its start may fall into a cut of Postgres: then whoever looks after it starts it again. */
async function killAndRestart(victim: Victim, start: (port: number) => Promise<ServerProcess>): Promise<void> {
  const port = Number(new URL(victim.url).port);
  await victim.process.kill();
  for (let attempt = 1; ; attempt++) {
    try {
      victim.process = await start(port);
      return;
    } catch (error) {
      if (attempt === RESTART_ATTEMPTS_MAX) throw error;
    }
  }
}

/** The number of the last event of a stream's log. */
export async function headOf(pool: pg.Pool, streamId: string): Promise<number> {
  const { rows } = await pool.query('SELECT last_seq FROM live_log WHERE stream_id = $1', [
    rowId('LiveStream', streamId),
  ]);
  return Number(rows[0].last_seq);
}
