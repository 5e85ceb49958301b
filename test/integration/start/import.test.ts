/** `npm run import` on the embedded Postgres: beside a running server, and alone. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { closed } from '../../support/exit.ts';
import { query } from '../../support/operations.ts';
import { startServerProcess } from '../../support/server-process.ts';
import { makeDataDir, postmasterPid } from './data-dir.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** It makes a cluster, and starts it twice: a minute on a machine that does a lot besides. */
const TEST_LIMIT_MS = 300_000;

async function runImport(dataDir: string, handle: string) {
  const args = ['prisma/demo/souq.csv', '--merchant', handle, '--create-merchant', 'Copy', '--kind', 'BRAND'];
  const child = spawn(process.execPath, ['--import', 'tsx', 'prisma/import.ts', ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk));
  const { code } = await closed(child);
  return { code, output };
}

test('it works beside a running server, which goes on, and without one', { timeout: TEST_LIMIT_MS }, async () => {
  const dataDir = await makeDataDir();
  const server = await startServerProcess({ dataDir });
  const postgres = postmasterPid(dataDir);
  expect(await runImport(dataDir, 'copy_one')).toEqual({ code: 0, output: '90 rows imported for Copy\n' });
  expect(postmasterPid(dataDir)).toBe(postgres);
  const document = '{ products(filter: { search: "Damascene inlaid" }) { totalCount } }';
  expect(await query(server.http(), document)).toEqual({ products: { totalCount: 2 } });
  await server.stop();
  expect(postmasterPid(dataDir)).toBeUndefined();
  expect(await runImport(dataDir, 'copy_two')).toEqual({ code: 0, output: '90 rows imported for Copy\n' });
  expect(postmasterPid(dataDir)).toBeUndefined();
});
