/** The live room's page as files, built from its sources as they are. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ENSURE_BUILT = fileURLToPath(new URL('../../../examples/live-room/ensure-built.mjs', import.meta.url));
/** How long a build may take, on a machine with other things to do. */
export const BUILD_MS_MAX = 120_000;

/** Builds the page, unless it was built from these very sources. */
export async function buildRoom(): Promise<void> {
  await promisify(execFile)(process.execPath, [ENSURE_BUILT], { timeout: BUILD_MS_MAX });
}
