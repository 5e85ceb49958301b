import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { StartError } from '../../kernel/start-error.ts';
import { processIdentity, throwIfAborted } from './processes.ts';

/** How long a start waits for an owner that is on its way out: a draining server, a killed server's last backend. */
export const OWNER_WAIT_MS_MAX = 3_000;
/** How often it looks. */
export const OWNER_WAIT_MS_POLL = 100;
const OWNER_ATTEMPTS_MAX = OWNER_WAIT_MS_MAX / OWNER_WAIT_MS_POLL;

/** A held lock file. */
export type OwnerLock = { release(): Promise<void> };

/**
 * Takes the lock file that says which live process owns the data directory. It covers what the advisory lock in the
 * database cannot: making the cluster, and starting and stopping Postgres. A dead owner's file is taken over.
 * @throws StartError when another live Hadiya keeps it for `OWNER_WAIT_MS_MAX`.
 */
export async function takeOwnerLock(path: string, dataDir: string, signal?: AbortSignal): Promise<OwnerLock> {
  const content = JSON.stringify({ pid: process.pid, identity: processIdentity(process.pid), id: randomUUID() });
  let ownerPid: number | undefined;
  for (let attempt = 1; attempt <= OWNER_ATTEMPTS_MAX; attempt++) {
    throwIfAborted(signal);
    if (await createFile(path, content)) return { release: () => removeIf(path, content) };
    const held = await readFile(path, 'utf8').catch(() => '');
    const owner = ownerIn(held);
    const alive = owner !== undefined && processIdentity(owner.pid) === owner.identity;
    ownerPid = alive ? owner.pid : undefined;
    // A file without content: its maker is about to write it, or was killed in that moment.
    const dead = owner === undefined ? attempt > OWNER_ATTEMPTS_MAX / 2 : !alive;
    if (dead) await removeIf(path, held);
    else await delay(OWNER_WAIT_MS_POLL);
  }
  throw inUse(dataDir, ownerPid);
}

/** The process of the live Hadiya that holds a lock file; undefined when none does. */
export async function findOwner(path: string): Promise<number | undefined> {
  const owner = ownerIn(await readFile(path, 'utf8').catch(() => ''));
  return owner && processIdentity(owner.pid) === owner.identity ? owner.pid : undefined;
}

/** The error of a data directory that another Hadiya owns. `pid` is its process, where known. */
export function inUse(dataDir: string, pid?: number): StartError {
  const who = pid === undefined ? '' : ` (process ${pid})`;
  return new StartError(
    `DATA_DIR ${dataDir} is in use by another Hadiya${who}: stop it, or set another DATA_DIR, or DATABASE_URL`,
  );
}

async function createFile(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx' });
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    throw new StartError(`DATA_DIR cannot be written to (${message}): set another DATA_DIR, or DATABASE_URL`);
  }
}

/** Undefined: not written to the end. */
function ownerIn(content: string): { pid: number; identity: string } | undefined {
  try {
    return JSON.parse(content) as { pid: number; identity: string };
  } catch {
    return undefined;
  }
}

/** Removes the file if it still has this content. It is moved aside first, as another start may do the same. */
async function removeIf(path: string, content: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = await readFile(aside, 'utf8');
  // Someone took the lock between our look and our move: give it back.
  if (moved !== content) await createFile(path, moved);
  await rm(aside);
}
