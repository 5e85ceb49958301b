import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { pathsIn } from './cluster.ts';
import { findOwner } from './owner-lock.ts';
import { findLeftover } from './postmaster.ts';
import { embeddedUrl } from './ready.ts';
import { DATABASE_NAME } from './start-embedded-postgres.ts';

/**
 * The address of the embedded Postgres that a running Hadiya owns, for programs that work beside it: they use it and leave
 * starting and stopping to its owner. Undefined when no Hadiya runs on the data directory.
 */
export async function findRunningPostgres(dataDir: string, log: Logger): Promise<string | undefined> {
  const paths = pathsIn(dataDir);
  if ((await findOwner(paths.lock)) === undefined) return undefined;
  const postmaster = await findLeftover(paths, log);
  const password = await readFile(paths.password, 'utf8').catch(() => undefined);
  return postmaster && password ? embeddedUrl(postmaster, password, DATABASE_NAME) : undefined;
}
