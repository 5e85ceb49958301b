/** Servers in processes of their own, for tests that kill them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { FAN_OUT, LOG_LEVEL } from './app.ts';
import { connectTo, type Endpoint, redisUrl } from './endpoint.ts';
import { type Exit, exited, stopChild } from './exit.ts';
import { within } from './feed.ts';

/** How long a server process may take to say where it listens, on a machine that does a lot besides. */
const START_LIMIT_MS = 120_000;
/** How much of its output an error shows. */
const SHOWN_CHARS = 2_000;
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A server in a process of its own. Its end leaves the clients alone: to see it, and to reconnect, is what they are for. */
export type ServerProcess = Endpoint & {
  child: ChildProcess;
  /** Everything that it has written so far, both streams. */
  output(): string;
  /** SIGKILL: as if the machine were lost. */
  kill(): Promise<Exit>;
  /** SIGTERM, and SIGKILL when it does not stop. */
  stop(): Promise<Exit>;
};

/** How a server process is started. */
export type ServerProcessOptions = {
  /** The database; without one the process starts its own embedded Postgres. */
  databaseUrl?: string;
  /** True for the shared Redis, or the URL of a private one. */
  redis?: boolean | string;
  /** Its data directory, which the caller removes. Default: the shared one; without a database one of its own. */
  dataDir?: string;
  /** A fixed port, to start another server in the same place. */
  port?: number;
  /** More environment. */
  env?: Record<string, string>;
};

/** Starts src/main.ts as a process; resolves when it says where it listens. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const ownDataDir = options.dataDir || options.databaseUrl ? undefined : await mkdtemp(join(tmpdir(), 'hadiya-data-'));
  const url = redisUrl(options.redis);
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PORT: `${options.port ?? 0}`,
    HOST: '127.0.0.1',
    DATA_DIR: options.dataDir ?? ownDataDir ?? inject('dataDir'),
    SIMULATE: 'off',
    SHARED_FAN_OUT: FAN_OUT.shared ? 'on' : 'off',
    LOG_LEVEL,
    RATE_LIMIT_VIEWER: 'off',
    RATE_LIMIT_MONEY: 'off',
    ...(options.databaseUrl ? { DATABASE_URL: options.databaseUrl } : {}),
    ...(url ? { REDIS_URL: url } : {}),
    ...options.env,
  };
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const killWithUs = () => {
    child.kill('SIGKILL');
    if (ownDataDir) rmSync(ownDataDir, { recursive: true, force: true });
  };
  process.once('exit', killWithUs);
  const end = async (how: () => Promise<Exit>) => {
    const exit = await how();
    process.removeListener('exit', killWithUs);
    if (ownDataDir) await rm(ownDataDir, { recursive: true, force: true });
    return exit;
  };
  const kill = () => {
    child.kill('SIGKILL');
    return exited(child);
  };
  const address = addressOf(child, () => output);
  let endpoint: Endpoint;
  try {
    ({ endpoint } = connectTo(await within('the start of the server process', address, START_LIMIT_MS)));
  } catch (error) {
    await end(kill);
    throw new Error(`The server process did not start: ${output.slice(-SHOWN_CHARS)}`, { cause: error });
  }
  return { ...endpoint, child, output: () => output, kill: () => end(kill), stop: () => end(() => stopChild(child)) };
}

/** The address in what the process prints when it is ready. */
function addressOf(child: ChildProcess, output: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const found = /http:\/\/(?:127\.0\.0\.1|localhost):\d+(?=\D)/.exec(output());
      if (found) resolve(found[0]);
    };
    child.stdout?.on('data', look);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`exit code ${code}`)));
  });
}
