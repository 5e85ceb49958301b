/** A real Chromium for the tests of the page. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { inject } from 'vitest';
import { withClient } from './postgres.ts';
import { aptInstall, onPath } from './programs.ts';

/** The advisory lock of whoever installs it. */
const INSTALL_LOCK_ID = 4_242_002;

/** In order of preference. */
const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
/** Where it is on a Mac, which has it on no PATH. */
const APPLICATIONS = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const HOW_TO_INSTALL =
  'The tests of the page need a Chromium: set CHROMIUM_PATH, or put chromium or google-chrome on the PATH (Debian: apt-get install chromium, macOS: brew install --cask chromium).';
/** Chromium does not sandbox for root, and need not call home. */
const FLAGS = [
  'no-sandbox',
  'disable-gpu',
  'disable-quic',
  'no-first-run',
  'disable-background-networking',
  'disable-component-update',
  'disable-sync',
  'disable-dev-shm-usage',
];

/** Starts a browser; installs one where that is possible. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: await chromiumPath(), args: FLAGS.map((flag) => `--${flag}`) });
}

async function chromiumPath(): Promise<string> {
  const { CHROMIUM_PATH } = process.env;
  if (CHROMIUM_PATH) return CHROMIUM_PATH;
  const found = (await onPath(PROGRAMS)) ?? APPLICATIONS.find((path) => existsSync(path)) ?? (await installChromium());
  if (!found) throw new Error(HOW_TO_INSTALL);
  return found;
}

/** One at a time: the files of the page run side by side, and apt refuses to. */
function installChromium(): Promise<string | undefined> {
  return withClient(inject('postgresUrl'), async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [INSTALL_LOCK_ID]);
    const meanwhile = await onPath(PROGRAMS);
    return meanwhile ?? ((await aptInstall('chromium', HOW_TO_INSTALL)) ? onPath(PROGRAMS) : undefined);
  });
}
