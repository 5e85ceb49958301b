/** The embedded Postgres, for real: its data, its owner, and what a killed owner leaves behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startEmbeddedPostgres } from '../../../src/db/embedded/index.ts';
import { processIdentity, sendSignal, waitUntilGone } from '../../../src/db/embedded/processes.ts';
import { StartError } from '../../../src/kernel/start-error.ts';
import { exited } from '../../support/exit.ts';
import { copyDataDir, endDataDir, makeDataDir, postmasterPid } from './data-dir.ts';

const HOLDER = fileURLToPath(new URL('./hold-postgres.ts', import.meta.url));
/** Clusters are made and started, with all that makes them durable; a hung one is given up after 10 s. */
const SLOW = { timeout: 120_000 };
const GONE_LIMIT_MS = 10_000;
const log = pino({ level: 'silent' });

/** A data directory whose database has a table `kept` with a 7 in it. */
let usedDataDir: string;

beforeAll(async () => {
  usedDataDir = await mkdtemp(join(tmpdir(), 'hadiya-start-'));
  const postgres = await startEmbeddedPostgres({ dataDir: usedDataDir, log });
  await query(postgres.url, 'CREATE TABLE kept AS SELECT 7 AS n');
  await postgres.stop();
}, SLOW.timeout);

afterAll(() => endDataDir(usedDataDir));

async function query<T extends pg.QueryResultRow>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Starts a process that owns the Postgres of a data directory; resolves with the one line it prints. */
async function startHolder(dataDir: string): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', HOLDER, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) return { child, line };
  throw new Error('the holder said nothing');
}

/** Kills the owner of a Postgres; resolves with the process of that Postgres. */
async function leaveBehind(dataDir: string): Promise<number> {
  const { child, line: url } = await startHolder(dataDir);
  await query(url, 'SELECT 1');
  child.kill('SIGKILL');
  await exited(child);
  const pid = postmasterPid(dataDir);
  if (pid === undefined) throw new Error('the killed owner left no Postgres');
  return pid;
}

async function startKept(dataDir: string): Promise<{ n: number }[]> {
  const postgres = await startEmbeddedPostgres({ dataDir, log });
  try {
    return await query(postgres.url, 'SELECT n FROM kept');
  } finally {
    await postgres.stop();
  }
}

describe('a new data directory', SLOW, () => {
  test('gets a real, durable, private Postgres that keeps its data', async () => {
    const dataDir = join(await makeDataDir(), 'made', 'on the way');
    const first = await startEmbeddedPostgres({ dataDir, log, settings: { work_mem: '5MB' } });
    const settings = await query<Record<string, string>>(
      first.url,
      `SELECT current_setting('fsync') AS fsync, current_setting('listen_addresses') AS addresses,
         current_setting('unix_socket_directories') AS sockets, current_setting('work_mem') AS work_mem,
         current_setting('server_encoding') AS encoding, current_database() AS database, lower('ÀÉ') AS lowered`,
    );
    expect(settings).toEqual([
      {
        fsync: 'on',
        addresses: '127.0.0.1',
        sockets: '',
        work_mem: '5MB',
        encoding: 'UTF8',
        database: 'hadiya',
        lowered: 'àé',
      },
    ]);
    expect((await stat(join(dataDir, 'postgres.password'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dataDir, 'postgres'))).mode & 0o777).toBe(0o700);
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n');
    await Promise.all([first.stop(), first.stop()]);
    expect(postmasterPid(dataDir)).toBeUndefined();
    expect((await readdir(dataDir)).sort()).toEqual(['postgres', 'postgres.log', 'postgres.password']);
    expect(await startKept(dataDir)).toEqual([{ n: 7 }]);
  });

  test('takes no wrong password', async () => {
    const dataDir = await copyDataDir(usedDataDir);
    const postgres = await startEmbeddedPostgres({ dataDir, log });
    const url = new URL(postgres.url);
    url.password = 'wrong';
    await expect(query(url.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    await postgres.stop();
  });

  test('two that start at once: one gets it, the other is told', async () => {
    const dataDir = await makeDataDir();
    const holders = await Promise.all([startHolder(dataDir), startHolder(dataDir)]);
    const lines = holders.map(({ line }) => line).sort();
    expect(lines).toEqual([expect.stringMatching(/is in use by another Hadiya/), expect.stringMatching(/^postgres:/)]);
  });

  test('an interrupted start leaves nothing running and nothing half-made', async () => {
    const dataDir = await makeDataDir();
    const controller = new AbortController();
    const start = startEmbeddedPostgres({ dataDir, log, signal: controller.signal });
    await Promise.all([expect(start).rejects.toThrow(StartError), Promise.resolve().then(() => controller.abort())]);
    expect(postmasterPid(dataDir)).toBeUndefined();
    expect((await readdir(dataDir)).filter((name) => name !== 'postgres.password')).toEqual([]);
  });

  test('what a killed start left half-made is cleared away', async () => {
    const dataDir = await makeDataDir();
    await mkdir(join(dataDir, 'postgres.new-killed', 'cluster'), { recursive: true });
    await writeFile(join(dataDir, 'postgres.password'), '');
    await writeFile(join(dataDir, 'hadiya.lock'), '');
    const postgres = await startEmbeddedPostgres({ dataDir, log });
    expect(await readdir(dataDir)).not.toContain('postgres.new-killed');
    await postgres.stop();
  });
});

describe('one owner', SLOW, () => {
  test('a second one is refused, and the first does not notice', async () => {
    const dataDir = await copyDataDir(usedDataDir);
    const first = await startEmbeddedPostgres({ dataDir, log });
    const { line } = await startHolder(dataDir);
    expect(line).toBe(
      `DATA_DIR ${dataDir} is in use by another Hadiya (process ${process.pid}): ` +
        'stop it, or set another DATA_DIR, or DATABASE_URL',
    );
    expect(await query(first.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
    await first.stop();
  });

  test('also without the lock file', async () => {
    const dataDir = await copyDataDir(usedDataDir);
    const first = await startEmbeddedPostgres({ dataDir, log });
    await rm(join(dataDir, 'hadiya.lock'));
    const { line } = await startHolder(dataDir);
    expect(line).toContain('is in use by another Hadiya');
    expect(await query(first.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await first.stop();
  });

  test('hears when its Postgres is lost', async () => {
    const dataDir = await copyDataDir(usedDataDir);
    const lost = new Promise<Error>((resolve, reject) => {
      startEmbeddedPostgres({ dataDir, log, onLost: resolve }).then(() => {
        sendSignal(postmasterPid(dataDir) ?? 0, 'SIGQUIT');
      }, reject);
    });
    expect((await lost).message).toContain('ended');
  });
});

describe('what a killed owner leaves', SLOW, () => {
  test('a running Postgres is taken over, and stopped in the end', async () => {
    const dataDir = await copyDataDir(usedDataDir);
    const left = await leaveBehind(dataDir);
    const postgres = await startEmbeddedPostgres({ dataDir, log });
    expect(postmasterPid(dataDir)).toBe(left);
    expect(await query(postgres.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
    await postgres.stop();
    expect(processIdentity(left)).toBeUndefined();
  });

  test('a Postgres that does not answer is stopped, and a new one started', async () => {
    const dataDir = await copyDataDir(usedDataDir);
    const left = await leaveBehind(dataDir);
    sendSignal(left, 'SIGSTOP');
    const postgres = await startEmbeddedPostgres({ dataDir, log });
    expect(postmasterPid(dataDir)).not.toBe(left);
    expect(await query(postgres.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
    await postgres.stop();
  });

  test('a Postgres that was killed too recovers', async () => {
    const dataDir = await copyDataDir(usedDataDir);
    const left = await leaveBehind(dataDir);
    const identity = processIdentity(left) ?? '';
    sendSignal(left, 'SIGKILL');
    expect(await waitUntilGone(left, identity, GONE_LIMIT_MS)).toBe(true);
    expect(await startKept(dataDir)).toEqual([{ n: 7 }]);
  });

  test.each([
    ['the pid of another program', () => `${process.pid}`],
    ['a pid that nobody has', () => '2147483646'],
    ['nothing', () => ''],
  ])('a stale postmaster.pid with %s does not stop a start', async (_, pid) => {
    const dataDir = await copyDataDir(usedDataDir);
    const cluster = join(dataDir, 'postgres');
    const text = pid() === '' ? '' : `${pid()}\n${cluster}\n1\n5432\n\n127.0.0.1\n`;
    await writeFile(join(cluster, 'postmaster.pid'), text);
    expect(await startKept(dataDir)).toEqual([{ n: 7 }]);
  });
});

describe('a directory that cannot be used gives one line', SLOW, () => {
  test('something else in the place of the cluster', async () => {
    const dataDir = await makeDataDir();
    await mkdir(join(dataDir, 'postgres'));
    await writeFile(join(dataDir, 'postgres', 'holiday.jpg'), 'x');
    await expect(startEmbeddedPostgres({ dataDir, log })).rejects.toThrow(/holds something other than a Postgres/);
    expect(await readdir(join(dataDir, 'postgres'))).toEqual(['holiday.jpg']);
  });

  test('a lost password, a wrong password, a broken cluster', async () => {
    const dataDir = await copyDataDir(usedDataDir);
    const passwordFile = join(dataDir, 'postgres.password');
    const password = await readFile(passwordFile, 'utf8');
    await rm(passwordFile);
    await expect(startEmbeddedPostgres({ dataDir, log })).rejects.toThrow(/postgres\.password is missing: /);
    await writeFile(passwordFile, 'wrong');
    await expect(startEmbeddedPostgres({ dataDir, log })).rejects.toThrow(/refuses the password/);
    expect(postmasterPid(dataDir)).toBeUndefined();
    await writeFile(passwordFile, password);
    await rm(join(dataDir, 'postgres', 'global', 'pg_control'));
    const broken = startEmbeddedPostgres({ dataDir, log });
    await expect(broken).rejects.toThrow(StartError);
    await expect(broken).rejects.toThrow(/^The embedded Postgres does not start \([^\n]*pg_control[^\n]*$/);
  });

  test('a file in the place of the directory', async () => {
    const dataDir = join(await makeDataDir(), 'file');
    await writeFile(dataDir, '');
    await expect(startEmbeddedPostgres({ dataDir, log })).rejects.toThrow(/set another DATA_DIR/);
  });
});
