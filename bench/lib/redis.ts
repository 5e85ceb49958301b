import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A private Redis. */
export type BenchRedis = { url: string; version: string; stop: () => Promise<void> };

const PROGRAMS = ['redis-server', 'valkey-server'];
const START_MS_MAX = 10_000;

/** Starts a Redis from the PATH on a free port, without persistence; undefined where there is none. It ends with this process. */
export async function startBenchRedis(signal: AbortSignal): Promise<BenchRedis | undefined> {
  for (const program of PROGRAMS) {
    signal.throwIfAborted();
    const redis = await start(program).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    if (redis) return redis;
  }
  return undefined;
}

async function start(program: string): Promise<BenchRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'hadiya-bench-redis-'));
  const port = await freePort();
  const child = spawn(
    program,
    ['--bind', '127.0.0.1', '--port', `${port}`, '--save', '', '--appendonly', 'no', '--dir', directory],
    // Not in our group: Ctrl-C is for us, and we stop it when nobody needs it any more.
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  const killAtExit = (): void => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', killAtExit);
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    process.removeListener('exit', killAtExit);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const version = await untilReady(child);
    return { url: `redis://127.0.0.1:${port}`, version, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Redis says in its log when it is ready, and which version it is. */
function untilReady(child: ChildProcess): Promise<string> {
  let log = '';
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => fail(new Error('it took too long')), START_MS_MAX);
    const fail = (error: Error): void => {
      clearTimeout(late);
      reject(Object.assign(error, { message: `Redis did not start: ${error.message} ${log.trim().slice(-500)}` }));
    };
    child.once('error', fail);
    child.once('exit', (code) => fail(new Error(`exit code ${code}`)));
    const read = (chunk: Buffer): void => {
      log += chunk.toString();
      if (!log.includes('Ready to accept connections')) return;
      clearTimeout(late);
      resolve(/version=(\d+\.\d+\.\d+)/i.exec(log)?.[1] ?? 'unknown');
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
