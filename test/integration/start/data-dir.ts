/** A data directory for one test, and the processes that may be left on it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { isPostmasterOf, processIdentity, sendSignal, waitUntilGone } from '../../../src/db/embedded/processes.ts';

/** How long a Postgres may take to end once the test does. */
const END_LIMIT_MS = 10_000;

/** Makes a data directory. When the test ends, so does what runs on it, and it is removed. */
export async function makeDataDir(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hadiya-start-'));
  onTestFinished(() => endDataDir(dataDir));
  return dataDir;
}

/** Makes a data directory as a stopped Hadiya leaves it: a copy, as making a cluster takes longer. */
export async function copyDataDir(from: string): Promise<string> {
  const dataDir = await makeDataDir();
  // The program keeps owners and takes a tenth of the time of node:fs.
  execFileSync('cp', ['-Rp', `${from}/.`, dataDir]);
  return dataDir;
}

/** Ends what runs on a data directory and removes it. */
export async function endDataDir(dataDir: string): Promise<void> {
  const pid = postmasterPid(dataDir);
  if (pid !== undefined) {
    const identity = processIdentity(pid) ?? '';
    sendSignal(pid, 'SIGQUIT');
    sendSignal(pid, 'SIGCONT');
    await waitUntilGone(pid, identity, END_LIMIT_MS);
  }
  await rm(dataDir, { recursive: true, force: true });
}

/** The process of the Postgres that runs on a data directory; undefined when none does. */
export function postmasterPid(dataDir: string): number | undefined {
  const cluster = join(dataDir, 'postgres');
  try {
    const pid = Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0]);
    return pid > 0 && isPostmasterOf(pid, cluster) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** The address of the Postgres that runs on a data directory, read as a new owner would. */
export async function embeddedUrlOf(dataDir: string): Promise<string> {
  const port = (await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[3];
  const password = await readFile(join(dataDir, 'postgres.password'), 'utf8');
  return `postgres://postgres:${password}@127.0.0.1:${port}/hadiya`;
}
