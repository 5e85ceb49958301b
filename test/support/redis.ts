/** A real Redis for the tests, and private ones for tests that kill it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exited, stopChild } from './exit.ts';
import { redisProgram } from './redis-program.ts';

/** A Redis that belongs to the caller. */
export type Redis = {
  /** Where it listens: redis://127.0.0.1:port. */
  url: string;
  /** Its port, to start another one in the same place. */
  port: number;
  /** Ends it as a crash would (SIGKILL); resolves when it is gone. */
  kill(): Promise<void>;
  /** Ends it in good order and removes its files. */
  stop(): Promise<void>;
};

/** How long a Redis may take to accept connections, on a machine that does a lot besides. */
const START_LIMIT_MS = 60_000;
/** How often a free port may be taken by somebody else before Redis gets it. */
const PORT_ATTEMPTS = 5;
/** The Redis that all tests share: REDIS_URL, else a private one. */
export async function sharedRedis(): Promise<Pick<Redis, 'url' | 'stop'>> {
  const url = process.env.REDIS_URL;
  return url ? { url, stop: async () => {} } : startRedis();
}

/** Starts a private Redis without persistence, on a free port unless one is given. */
export async function startRedis(options: { port?: number } = {}): Promise<Redis> {
  const program = await redisProgram();
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    try {
      return await startOn(program, port);
    } catch (error) {
      if (options.port !== undefined || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function startOn(program: string, port: number): Promise<Redis> {
  const directory = await mkdtemp(join(tmpdir(), 'hadiya-redis-'));
  const settings = settingsOf(port, directory);
  const child = spawn(program, settings, { stdio: ['ignore', 'pipe', 'pipe'] });
  const killWithUs = () => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', killWithUs);
  const end = async (how: () => Promise<unknown>) => {
    await how();
    process.removeListener('exit', killWithUs);
    await rm(directory, { recursive: true, force: true });
  };
  const kill = () => {
    child.kill('SIGKILL');
    return exited(child);
  };
  try {
    await acceptsConnections(child);
  } catch (error) {
    await end(kill);
    throw error;
  }
  return { url: `redis://127.0.0.1:${port}`, port, kill: () => end(kill), stop: () => end(() => stopChild(child)) };
}

/** What every Redis of the tests is started with: nothing of it outlives it. */
export function settingsOf(port: number, directory: string): string[] {
  return ['--bind', '127.0.0.1', '--port', `${port}`, '--save', '', '--appendonly', 'no', '--dir', directory];
}

/** Redis says in its log when it is ready: nothing has to be polled. */
export function acceptsConnections(child: ChildProcess): Promise<void> {
  let log = '';
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => reject(new Error(`Redis did not start (${reason}): ${log.trim().slice(-500)}`));
    const timer = setTimeout(() => fail(`nothing within ${START_LIMIT_MS} ms`), START_LIMIT_MS);
    const settle = (action: () => void) => () => {
      clearTimeout(timer);
      action();
    };
    child.once('error', (error) => settle(() => fail(error.message))());
    child.once('exit', (code) => settle(() => fail(`exit code ${code}`))());
    const read = (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('Ready to accept connections')) settle(resolve)();
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
  });
}

/**
 * Below the ports that systems hand out by themselves: one of those could be given to somebody else while the server that has to
 * come back on it is dead.
 */
const [PORT_FIRST, PORT_LAST] = [20_000, 32_000];
/** How many ports may be taken, one after the other, before there is none. */
const FREE_PORT_ATTEMPTS_MAX = 200;
/** Where this process looks next: never twice at the same port, and not where other processes look. */
let nextPort = randomInt(PORT_FIRST, PORT_LAST);

/** A port that nobody listens on, and that nobody is given by chance. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < FREE_PORT_ATTEMPTS_MAX; attempt++) {
    const port = nextPort;
    nextPort = port + 1 < PORT_LAST ? port + 1 : PORT_FIRST;
    if (await isFree(port)) return port;
  }
  throw new Error(`no port is free between ${PORT_FIRST} and ${PORT_LAST}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
