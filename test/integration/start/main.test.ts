/** src/main.ts as an operator meets it: it starts, it stops, it is killed, and it says in one line what is wrong. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { processIdentity } from '../../../src/db/embedded/processes.ts';
import { closed, type Exit } from '../../support/exit.ts';
import { embeddedUrlOf, makeDataDir, postmasterPid } from './data-dir.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const NODE_START = [process.execPath, '--import', 'tsx', 'src/main.ts'];
const NPM_START = ['npm', 'start'];
/** A first start makes a cluster, migrates and seeds: half a minute on a machine that does a lot besides, and some tests start twice. */
const TEST_LIMIT_MS = 300_000;

type Started = {
  child: ChildProcess;
  /** Resolves with the address when it is ready; rejects when it ends before. */
  ready: Promise<string>;
  /** Resolves when it has ended and all that it has said is read. */
  ended: Promise<Exit>;
  /** Resolves when it has ended, whatever it leaves behind. */
  gone: Promise<Exit>;
  stdout(): string;
  stderr(): string;
};

/** Runs Hadiya as an operator would, with nothing but this environment. */
function start(env: Record<string, string>, command = NODE_START, options: SpawnOptions = {}): Started {
  const [program = '', ...args] = command;
  const { PATH, HOME } = process.env;
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { PATH, HOME, PORT: '0', HOST: '127.0.0.1', SIMULATE: 'off', LOG_LEVEL: 'silent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  onTestFinished(() => {
    // What npm started is in its group.
    if (options.detached && child.pid !== undefined) killGroup(child.pid);
    else child.kill('SIGKILL');
  });
  const texts = { stdout: '', stderr: '' };
  const ended = closed(child);
  const gone = new Promise<Exit>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  const ready = new Promise<string>((resolve, reject) => {
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.on('data', (chunk: Buffer) => {
        texts[name] += chunk.toString();
        const address = /http:\/\/127\.0\.0\.1:\d+/.exec(texts.stdout);
        if (address) resolve(address[0]);
      });
    }
    child.once('exit', (code) => reject(new Error(`It ended with ${code} before it was ready: ${texts.stderr}`)));
  });
  // Most tests of failures do not look at it.
  ready.catch(() => undefined);
  return { child, ready, ended, gone, stdout: () => texts.stdout, stderr: () => texts.stderr };
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}

/** Expects that a start fails with these lines on stderr and nothing else. */
async function expectRefusal(env: Record<string, string>, lines: (string | RegExp)[]): Promise<void> {
  const { ended, stderr, stdout } = start(env);
  expect(await ended).toEqual({ code: 1, signal: null });
  const told = stderr().trimEnd().split('\n');
  expect(told).toEqual(lines.map((line) => (typeof line === 'string' ? line : expect.stringMatching(line))));
  expect(stdout()).toBe('');
}

async function query<T extends pg.QueryResultRow>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** An empty database on the shared server. */
async function makeDatabase(): Promise<string> {
  const name = `hadiya_main_${randomUUID().slice(0, 8)}`;
  await query(inject('postgresUrl'), `CREATE DATABASE ${name}`);
  onTestFinished(async () => void (await query(inject('postgresUrl'), `DROP DATABASE ${name} WITH (FORCE)`)));
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  return url.href;
}

/** A port that another program has. */
async function takePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe('a start with nothing but Node', { timeout: TEST_LIMIT_MS }, () => {
  test('serves, stops on SIGTERM with its Postgres, and keeps its data', async () => {
    const DATA_DIR = await makeDataDir();
    const first = start({ DATA_DIR });
    const address = await first.ready;
    expect((await fetch(`${address}/health`)).status).toBe(200);
    await query(await embeddedUrlOf(DATA_DIR), 'CREATE TABLE kept AS SELECT 7 AS n');
    first.child.kill('SIGTERM');
    expect(await first.ended).toEqual({ code: 0, signal: null });
    expect(first.stderr()).toBe('');
    expect(postmasterPid(DATA_DIR)).toBeUndefined();
    await expect(fetch(address)).rejects.toThrow();

    const since = performance.now();
    const second = start({ DATA_DIR });
    await second.ready;
    process.stdout.write(`second start: ${Math.round(performance.now() - since)} ms\n`);
    expect(await query(await embeddedUrlOf(DATA_DIR), 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
    second.child.kill('SIGINT');
    expect(await second.ended).toEqual({ code: 0, signal: null });
    expect(postmasterPid(DATA_DIR)).toBeUndefined();
  });

  test('after a SIGKILL, takes over the Postgres that was left', async () => {
    const DATA_DIR = await makeDataDir();
    const first = start({ DATA_DIR });
    await first.ready;
    await query(await embeddedUrlOf(DATA_DIR), 'CREATE TABLE kept AS SELECT 7 AS n');
    first.child.kill('SIGKILL');
    await first.gone;
    const left = postmasterPid(DATA_DIR);
    expect(left).toBeDefined();
    const second = start({ DATA_DIR });
    await second.ready;
    expect(postmasterPid(DATA_DIR)).toBe(left);
    expect(await query(await embeddedUrlOf(DATA_DIR), 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
    second.child.kill('SIGTERM');
    expect(await second.ended).toEqual({ code: 0, signal: null });
    expect(postmasterPid(DATA_DIR)).toBeUndefined();
  });

  test('a signal in the middle of the first start leaves nothing running and nothing half-made', async () => {
    const DATA_DIR = await makeDataDir();
    const begun = new Promise<void>((resolve) => {
      const watcher = watch(DATA_DIR, (_, name) => {
        if (name?.startsWith('postgres.new-')) resolve();
      });
      onTestFinished(() => watcher.close());
    });
    const { child, ended, stderr } = start({ DATA_DIR });
    await begun;
    child.kill('SIGTERM');
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(stderr()).toBe('');
    expect((await readdir(DATA_DIR)).filter((name) => name !== 'postgres.password')).toEqual([]);
  });

  test.each([
    ['SIGTERM to npm', (pid: number) => process.kill(pid, 'SIGTERM')],
    ['SIGINT to npm', (pid: number) => process.kill(pid, 'SIGINT')],
    ['Ctrl-C, which also reaches what npm started', (pid: number) => process.kill(-pid, 'SIGINT')],
  ])('npm start and %s: nothing stays behind', async (_, send) => {
    const DATA_DIR = await makeDataDir();
    const { child, ready, gone } = start({ DATA_DIR }, NPM_START, { detached: true });
    const address = await ready;
    const postgres = postmasterPid(DATA_DIR) ?? 0;
    expect(processIdentity(postgres)).toBeDefined();
    send(child.pid ?? 0);
    await gone;
    expect(processIdentity(postgres)).toBeUndefined();
    await expect(fetch(address)).rejects.toThrow();
  });

  test('a lost Postgres ends it with one line', async () => {
    const DATA_DIR = await makeDataDir();
    const { ready, ended, stderr } = start({ DATA_DIR });
    await ready;
    process.kill(postmasterPid(DATA_DIR) ?? 0, 'SIGQUIT');
    expect(await ended).toEqual({ code: 1, signal: null });
    expect(stderr()).toMatch(/^The embedded Postgres ended [^\n]*: start Hadiya again\n$/);
  });
});

describe('a start that cannot be gives one line and exit code 1', { timeout: TEST_LIMIT_MS }, () => {
  test('wrong settings: a line for each', async () => {
    await expectRefusal({ PORT: 'x', REDIS_URL: 'http://h', JWT_SECRET: 'short' }, [
      /^JWT_SECRET/,
      /^PORT/,
      /^REDIS_URL/,
    ]);
  });

  test('a taken port, before Postgres is started', async () => {
    const port = await takePort();
    const DATA_DIR = await makeDataDir();
    const line = `Port ${port} is taken by another program: stop it, or set PORT`;
    await expectRefusal({ PORT: `${port}`, DATA_DIR }, [line]);
    expect(await readdir(DATA_DIR)).toEqual([]);
  });

  test('a host that is not this machine', async () => {
    await expectRefusal({ HOST: '192.0.2.1', DATA_DIR: await makeDataDir() }, [/^HOST 192\.0\.2\.1 /]);
  });

  test('a data directory in use', async () => {
    const DATA_DIR = await makeDataDir();
    const first = start({ DATA_DIR });
    const address = await first.ready;
    await expectRefusal({ DATA_DIR }, [/^DATA_DIR .* is in use by another Hadiya \(process \d+\): stop it, or /]);
    expect((await fetch(`${address}/health`)).status).toBe(200);
    first.child.kill('SIGTERM');
    expect(await first.ended).toEqual({ code: 0, signal: null });
  });

  test('an unreachable DATABASE_URL', async () => {
    const line = 'No Postgres answers at 127.0.0.1:1: start it, or correct DATABASE_URL';
    await expectRefusal({ DATABASE_URL: 'postgres://u:geheim@127.0.0.1:1/hadiya' }, [line]);
  });

  test('a database of something else', async () => {
    const DATABASE_URL = await makeDatabase();
    await query(DATABASE_URL, 'CREATE TABLE wordpress (n int)');
    await expectRefusal({ DATABASE_URL }, [/^The database holds tables of something else .*: give Hadiya an empty/]);
  });

  test('a secret that is not set, and cannot be kept', async () => {
    const DATABASE_URL = await makeDatabase();
    // A file is where the directory should be: as root nothing else is refused.
    const DATA_DIR = fileURLToPath(import.meta.url);
    const set = { DATABASE_URL, DATA_DIR, JWT_SECRET: 's'.repeat(32) };
    await expectRefusal(set, [
      /^DATA_DIR .* cannot keep a secret \(EEXIST\): set VOUCHER_SECRET, or make it writable$/,
    ]);
  });

  test('an unreachable REDIS_URL', async () => {
    const DATABASE_URL = await makeDatabase();
    await expectRefusal({ DATABASE_URL, REDIS_URL: 'redis://:geheim@127.0.0.1:1' }, [/^(?!.*geheim).*REDIS_URL/]);
  });
});
