import { mkdir } from 'node:fs/promises';
import type { Client } from 'pg';
import type { Logger } from 'pino';
import { StartError } from '../../kernel/start-error.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { ensureCluster, type Paths, pathsIn } from './cluster.ts';
import { chooseLauncher, giveTo } from './launcher.ts';
import { takeOwnerLock } from './owner-lock.ts';
import { holdOwnership } from './ownership.ts';
import { lastLogLine } from './postgres-log.ts';
import { findLeftover, type Postmaster, spawnPostmaster, stopPostmaster } from './postmaster.ts';
import { type Launcher, throwIfAborted } from './processes.ts';
import { connectWhenReady, embeddedUrl, SILENT_AT_START_MS_MAX } from './ready.ts';

/** What the embedded Postgres needs. */
export type EmbeddedPostgresOptions = {
  /** Absolute; made when missing. One Hadiya at a time owns it. */
  dataDir: string;
  log: Logger;
  /** Postgres settings beside the defaults. A Postgres that is taken over keeps those it was started with. */
  settings?: Readonly<Record<string, string>>;
  /** Ends the start, which then rejects and leaves no Postgres behind. */
  signal?: AbortSignal | undefined;
  /** Called once when the running Postgres is lost for good: it ended by itself, or another Hadiya owns it. */
  onLost?: ((reason: Error) => void) | undefined;
};

/** A running embedded Postgres. */
export type EmbeddedPostgres = {
  /** Of the database `hadiya`, with user and password. */
  url: string;
  /** Stops it and gives the data directory back. May be called again. */
  stop(): Promise<void>;
};

/** The database that Hadiya works in. */
export const DATABASE_NAME = 'hadiya';
const START_ATTEMPTS_MAX = 5;

type Context = {
  paths: Paths;
  binaries: Binaries;
  launcher: Launcher;
  password: string;
  log: Logger;
  settings: Readonly<Record<string, string>>;
  signal: AbortSignal | undefined;
};
type Running = { postmaster: Postmaster; client: Client; adopted: boolean };

/**
 * Starts a real Postgres under `dataDir/postgres`, or takes over the one that a killed Hadiya left running there.
 * @throws StartError when it cannot run here, or another live Hadiya owns the directory.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, log, signal, settings = {} } = options;
  const paths = pathsIn(dataDir);
  await makeDataDir(dataDir);
  const lock = await takeOwnerLock(paths.lock, dataDir, signal);
  try {
    const binaries = await findBinaries();
    const launcher = await chooseLauncher(binaries, dataDir, paths.cluster);
    const password = await ensureCluster(paths, binaries, launcher, signal);
    const context: Context = { paths, binaries, launcher, password, log, settings, signal };
    const running = (await adopt(context)) ?? (await start(context));
    const { release } = await own(context, running, options.onLost);
    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      // Both at once: the process may be about to exit, and then only what precedes the first wait is sure to happen.
      const [gone] = await Promise.allSettled([stopPostmaster(running.postmaster), release()]);
      await lock.release();
      if (gone.status === 'rejected') throw gone.reason;
      log.info('embedded Postgres stopped');
    };
    return {
      url: embeddedUrl(running.postmaster, password, DATABASE_NAME),
      stop: () => {
        stopped ??= stop();
        return stopped;
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true });
  } catch (error) {
    throw new StartError(`DATA_DIR ${dataDir} cannot be made (${(error as Error).message}): set another DATA_DIR`);
  }
}

/** Takes over the Postgres of a killed Hadiya. Undefined when there is none, or it had to be stopped. */
async function adopt(context: Context): Promise<Running | undefined> {
  const postmaster = await findLeftover(context.paths, context.log);
  if (postmaster === undefined) return undefined;
  // The owner lock is ours: no live Hadiya has anything to do with this Postgres.
  const readiness = await connectWhenReady(postmaster, context.password, { signal: context.signal });
  if (readiness.state === 'ready') {
    context.log.info({ postgresPid: postmaster.pid }, 'took over the embedded Postgres of an earlier run');
    return { postmaster, client: readiness.client, adopted: true };
  }
  context.log.warn(
    { postgresPid: postmaster.pid, state: readiness.state },
    'the embedded Postgres of an earlier run is stopped',
  );
  await stopPostmaster(postmaster);
  return undefined;
}

async function start(context: Context): Promise<Running> {
  const { paths, binaries, launcher, log } = context;
  await giveTo(launcher, paths.cluster);
  let line = '';
  for (let attempt = 1; attempt <= START_ATTEMPTS_MAX; attempt++) {
    throwIfAborted(context.signal);
    const postmaster = await spawnPostmaster(paths, binaries, launcher, context.settings);
    try {
      const limits = { silentMsMax: SILENT_AT_START_MS_MAX, signal: context.signal };
      const readiness = await connectWhenReady(postmaster, context.password, limits);
      if (readiness.state === 'ready') {
        log.info({ postgresPid: postmaster.pid, port: postmaster.port }, 'embedded Postgres started');
        return { postmaster, client: readiness.client, adopted: false };
      }
      if (readiness.state === 'hung') throw new StartError(`The embedded Postgres does not answer: see ${paths.log}`);
    } catch (error) {
      await stopPostmaster(postmaster);
      throw error;
    }
    line = await lastLogLine(paths.log, postmaster.logStart);
    // The port was taken in between, or children of a killed Postgres are still on their way out: both pass.
    if (!/TCP\/IP socket|shared memory block/.test(line)) break;
    log.warn({ attempt, line }, 'embedded Postgres did not start, trying again');
  }
  throw new StartError(`The embedded Postgres does not start (${line}): see ${paths.log}`);
}

/** Makes the database and holds the advisory lock. If that fails, Postgres is stopped, unless it is another's. */
async function own(
  context: Context,
  running: Running,
  onLost: ((reason: Error) => void) | undefined,
): Promise<{ release(): Promise<void> }> {
  const { postmaster, client, adopted } = running;
  let owned = !adopted;
  try {
    const ownership = await holdOwnership({
      client,
      reconnect: () => connectWhenReady(postmaster, context.password),
      dataDir: context.paths.dataDir,
      log: context.log,
      onLost: (reason) => onLost?.(reason),
    });
    owned = true;
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE_NAME]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE_NAME}`);
    throwIfAborted(context.signal);
    return ownership;
  } catch (error) {
    await client.end().catch(() => undefined);
    if (owned) await stopPostmaster(postmaster);
    throw error;
  }
}
