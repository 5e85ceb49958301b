import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '../../kernel/start-error.ts';
import type { Binaries } from './binaries.ts';
import { giveTo } from './launcher.ts';
import { type Launcher, meaningfulLine, runCommand, throwIfAborted } from './processes.ts';

/** Where the embedded Postgres keeps what, all under DATA_DIR. */
export type Paths = { dataDir: string; cluster: string; password: string; log: string; lock: string };

/** The superuser of the cluster. */
export const CLUSTER_USER = 'postgres';

const PASSWORD_BYTES = 24;
const UNFINISHED_PREFIX = 'postgres.new-';

/** The paths under one data directory. */
export function pathsIn(dataDir: string): Paths {
  return {
    dataDir,
    cluster: join(dataDir, 'postgres'),
    password: join(dataDir, 'postgres.password'),
    log: join(dataDir, 'postgres.log'),
    lock: join(dataDir, 'hadiya.lock'),
  };
}

/**
 * Makes the cluster, once, and returns its superuser's password. The caller holds the owner lock.
 * It is made aside and renamed when complete, so that a kill at any moment leaves nothing half-made in its place.
 * @throws StartError when the directory holds something else, or initdb fails.
 */
export async function ensureCluster(
  paths: Paths,
  binaries: Binaries,
  launcher: Launcher,
  signal?: AbortSignal,
): Promise<string> {
  await removeUnfinished(paths.dataDir);
  if (await exists(join(paths.cluster, 'PG_VERSION'))) return readPassword(paths);
  const found = await readdir(paths.cluster).catch(() => []);
  if (found.length > 0) {
    throw new StartError(
      `${paths.cluster} holds something other than a Postgres cluster: move it away, or set DATA_DIR`,
    );
  }
  const password = await makePassword(paths);
  await makeCluster(paths, binaries, launcher, password, signal);
  return password;
}

async function makeCluster(
  paths: Paths,
  binaries: Binaries,
  launcher: Launcher,
  password: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const aside = await mkdtemp(join(paths.dataDir, UNFINISHED_PREFIX));
  const cluster = join(aside, 'cluster');
  const passwordFile = join(aside, 'password');
  await mkdir(cluster, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  await giveTo(launcher, aside);
  const { ok, output } = await runCommand(
    launcher,
    [
      binaries.initdb,
      `--pgdata=${cluster}`,
      `--username=${CLUSTER_USER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // Postgres' own C.UTF-8: the same order and case rules on every machine, whatever locales it has.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
    ],
    { signal },
  );
  if (ok) await rename(cluster, paths.cluster);
  await rm(aside, { recursive: true, force: true });
  throwIfAborted(signal);
  if (!ok) throw new StartError(`The database cannot be made in ${paths.cluster}: ${meaningfulLine(output)}`);
}

async function makePassword(paths: Paths): Promise<string> {
  const password = randomBytes(PASSWORD_BYTES).toString('hex');
  // Written anew as long as there is no cluster: an earlier start may have been killed in the middle of this line.
  await rm(paths.password, { force: true });
  await writeFile(paths.password, password, { mode: 0o600, flag: 'wx' });
  return password;
}

async function readPassword(paths: Paths): Promise<string> {
  const password = await readFile(paths.password, 'utf8').catch(() => '');
  if (password !== '') return password.trim();
  throw new StartError(`${paths.password} is missing: put it back, or move ${paths.cluster} away to start empty`);
}

async function removeUnfinished(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (name.startsWith(UNFINISHED_PREFIX)) await rm(join(dataDir, name), { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
