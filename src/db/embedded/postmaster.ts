import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { StartError } from '../../kernel/start-error.ts';
import type { Binaries } from './binaries.ts';
import type { Paths } from './cluster.ts';
import { openPostgresLog } from './postgres-log.ts';
import {
  isPostmasterOf,
  type Launcher,
  pidIsTaken,
  postgresEnv,
  processIdentity,
  sendSignal,
  waitUntilGone,
} from './processes.ts';

/**
 * A running Postgres. `identity` tells its process from a later one with the same pid; `logStart` is the length of its
 * log in bytes when it started.
 */
export type Postmaster = { pid: number; identity: string; port: number; logStart: number };

const host = '127.0.0.1';
/** A fast shutdown ends sessions and writes a checkpoint. */
const FAST_STOP_MS_MAX = 20_000;
/** An immediate shutdown writes nothing: the next start recovers. */
const IMMEDIATE_STOP_MS_MAX = 5_000;

const settingsDefault: Readonly<Record<string, string>> = {
  max_connections: '200',
  shared_buffers: '256MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** Starts Postgres on a free port of 127.0.0.1, in a session of its own: Ctrl-C in the terminal does not reach it. */
export async function spawnPostmaster(
  paths: Paths,
  binaries: Binaries,
  launcher: Launcher,
  settings: Readonly<Record<string, string>>,
): Promise<Postmaster> {
  const port = await findFreePort();
  const fixed = { port: String(port), listen_addresses: host, unix_socket_directories: '' };
  const words = Object.entries({ ...settingsDefault, ...settings, ...fixed }).flatMap(([k, v]) => ['-c', `${k}=${v}`]);
  const [command = '', ...args] = [...launcher.prefix, binaries.postgres, '-D', paths.cluster, ...words];
  const log = openPostgresLog(paths.log, launcher);
  try {
    const child = spawn(command, args, {
      ...launcher.ids,
      cwd: '/',
      env: postgresEnv(),
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    await new Promise<void>((started, failed) => child.once('spawn', started).once('error', failed));
    child.unref();
    const pid = child.pid ?? 0;
    return { pid, identity: processIdentity(pid) ?? 'gone', port, logStart: log.size };
  } finally {
    closeSync(log.fd);
  }
}

/**
 * Finds the Postgres that a killed Hadiya left running on this cluster. A pid file that names no process is left to
 * Postgres, which also looks for surviving children; one that names another program by now is removed, as Postgres would
 * take it for a rival.
 */
export async function findLeftover(paths: Paths, log: Logger): Promise<Postmaster | undefined> {
  const pidFile = join(paths.cluster, 'postmaster.pid');
  const text = await readFile(pidFile, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // Pid, directory, start time, port, …: one a line.
  const lines = text.split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  const known = Number.isInteger(pid) && pid > 0;
  const identity = known ? processIdentity(pid) : undefined;
  if (known && identity !== undefined && isPostmasterOf(pid, paths.cluster))
    return { pid, identity, port, logStart: 0 };
  if (!known || pidIsTaken(pid)) {
    log.info({ postgresPid: pid }, 'removing the stale postmaster.pid');
    await rm(pidFile, { force: true });
  }
  return undefined;
}

/** Whether its process still runs. */
export function isRunning(postmaster: Postmaster): boolean {
  return processIdentity(postmaster.pid) === postmaster.identity;
}

/**
 * Stops Postgres: cleanly, and if that takes too long, at once (the next start then recovers). The first signal is sent
 * before the first wait.
 * @throws StartError when it stays.
 */
export async function stopPostmaster(postmaster: Postmaster): Promise<void> {
  const { pid, identity } = postmaster;
  const steps = [
    { signal: 'SIGINT', msMax: FAST_STOP_MS_MAX },
    { signal: 'SIGQUIT', msMax: IMMEDIATE_STOP_MS_MAX },
  ] as const;
  for (const { signal, msMax } of steps) {
    if (!isRunning(postmaster)) return;
    sendSignal(pid, signal);
    // A suspended process takes no notice before it continues.
    sendSignal(pid, 'SIGCONT');
    if (await waitUntilGone(pid, identity, msMax)) return;
  }
  throw new StartError(`The embedded Postgres (process ${pid}) does not stop: end that process, then start again`);
}

function findFreePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}
