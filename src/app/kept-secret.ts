import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '../kernel/start-error.ts';

/**
 * A secret in a file of the data directory, made when it is not there.
 * @throws {StartError} when it cannot be kept; `setting` is what can be set instead
 */
export async function keptSecret(dataDir: string, name: string, setting: string): Promise<string> {
  const file = join(dataDir, name);
  try {
    await mkdir(dataDir, { recursive: true });
    await make(file);
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new StartError(`DATA_DIR ${dataDir} cannot keep a secret (${code}): set ${setting}, or make it writable`);
  }
}

/** Written aside and linked: of two servers that start at once one wins, and both read the whole of the same. */
async function make(file: string): Promise<void> {
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, randomBytes(32).toString('hex'), { mode: 0o600 });
  await link(draft, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await unlink(draft);
}
