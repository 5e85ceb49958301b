/** The live room's page as files, built from its sources as they are. */
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const ROOM = join(ROOT, 'examples/live-room');
/** How long a build may take, on a machine with other things to do. */
export const BUILD_MS_MAX = 120_000;

/** Builds the page, unless it is newer than its sources. */
export async function buildRoom(): Promise<void> {
  const built = await stat(join(ROOM, 'dist/index.html')).catch(() => undefined);
  if (built && built.mtimeMs > (await newest(join(ROOM, 'src')))) return;
  await promisify(execFile)('npm', ['run', '-s', 'build:room'], { cwd: ROOT, timeout: BUILD_MS_MAX });
}

/** When something in a folder was changed last; what is generated is none of it. */
async function newest(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.parentPath.includes('generated'));
  const times = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).mtimeMs),
  );
  return Math.max(...times);
}
