import { chown, lstat, readdir, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { StartError } from '../../kernel/start-error.ts';
import type { Binaries } from './binaries.ts';
import { type Launcher, meaningfulLine, runCommand } from './processes.ts';

const OS_USER = 'postgres';
const own: Launcher = { prefix: [], ids: undefined };
const unshared: Launcher = { prefix: ['unshare', '-U'], ids: undefined };

/**
 * Decides under whose identity Postgres runs, as it refuses to run as root. Not root: our own user. Root, the first that
 * works: the user who owns the cluster; root without its rights (`unshare -U`), which also reaches clones in the home
 * directory of root; the OS user `postgres`, to whom it then gives the
 * data directory.
 * @throws StartError when Postgres does not run here or cannot reach the cluster directory.
 */
export async function chooseLauncher(binaries: Binaries, dataDir: string, clusterDir: string): Promise<Launcher> {
  await checkRuns(own, binaries);
  const owner = await stat(clusterDir).catch(() => undefined);
  if (process.getuid?.() !== 0) {
    if (owner !== undefined && owner.uid !== process.getuid?.()) {
      throw new StartError(`${clusterDir} belongs to another user: run as that user, or set DATA_DIR`);
    }
    // Containers often run as a user without a name, which initdb refuses; unshared, everybody is `nobody`.
    return !hasName() && (await reaches(unshared, binaries, dataDir)) ? unshared : own;
  }
  if (owner !== undefined && owner.uid !== 0) {
    const asOwner: Launcher = { prefix: [], ids: { uid: owner.uid, gid: owner.gid } };
    if (await reaches(asOwner, binaries, dataDir)) return asOwner;
  } else if (await reaches(unshared, binaries, dataDir)) {
    return unshared;
  }
  const asPostgres: Launcher = { prefix: [], ids: await findOrMakeUser() };
  if (asPostgres.ids !== undefined && (await reaches(asPostgres, binaries, dirname(dataDir)))) {
    await chown(dataDir, asPostgres.ids.uid, asPostgres.ids.gid);
    return asPostgres;
  }
  throw new StartError(
    `Postgres refuses to run as root, and nobody else reaches both this clone and ${dataDir}: ` +
      'move the clone out of the home directory of root and set DATA_DIR to a directory that everybody may enter, ' +
      'or run as an ordinary user, or set DATABASE_URL',
  );
}

/** Hands a file or a whole directory to the identity that Postgres runs under. */
export async function giveTo(launcher: Launcher, path: string): Promise<void> {
  if (launcher.ids === undefined) return;
  const { uid, gid } = launcher.ids;
  const found = await lstat(path);
  if (found.isSymbolicLink()) return;
  if (found.uid !== uid || found.gid !== gid) await chown(path, uid, gid);
  if (!found.isDirectory()) return;
  for (const name of await readdir(path)) await giveTo(launcher, join(path, name));
}

async function checkRuns(launcher: Launcher, binaries: Binaries): Promise<void> {
  const { ok, output } = await runCommand(launcher, [binaries.postgres, '--version']);
  if (ok) return;
  throw new StartError(
    `The embedded Postgres does not run on this machine (${meaningfulLine(output)}): ` +
      'set DATABASE_URL to a Postgres server (14 or later)',
  );
}

async function reaches(launcher: Launcher, binaries: Binaries, dataDir: string): Promise<boolean> {
  const version = await runCommand(launcher, [binaries.postgres, '--version']);
  return version.ok && (await runCommand(launcher, ['test', '-x', dataDir])).ok;
}

function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

async function findOrMakeUser(): Promise<{ uid: number; gid: number } | undefined> {
  const found = await findUser();
  if (found !== undefined) return found;
  await runCommand(own, ['useradd', '--system', '--user-group', '--shell', '/usr/sbin/nologin', OS_USER]);
  return findUser();
}

async function findUser(): Promise<{ uid: number; gid: number } | undefined> {
  const [uid, gid] = [await runCommand(own, ['id', '-u', OS_USER]), await runCommand(own, ['id', '-g', OS_USER])];
  return uid.ok && gid.ok ? { uid: Number(uid.output), gid: Number(gid.output) } : undefined;
}
