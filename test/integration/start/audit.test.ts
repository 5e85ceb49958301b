/** `npm run audit` on the embedded Postgres: beside a running server, and alone. */
import { expect, test } from 'vitest';
import { buyCoins, sendGift, signIn, startStream, succeed } from '../../support/operations.ts';
import { startServerProcess } from '../../support/server-process.ts';
import { runAudit } from '../support/audit.ts';
import { makeDataDir, postmasterPid } from './data-dir.ts';

/** It makes a cluster, and starts it twice. */
const TEST_LIMIT_MS = 120_000;
const AGREES = { code: 0, stdout: expect.stringContaining(': all agrees\ndigest '), stderr: '' };

test('it works beside a running server, which goes on, and without one', { timeout: TEST_LIMIT_MS }, async () => {
  const dataDir = await makeDataDir();
  const server = await startServerProcess({ dataDir });
  const postgres = postmasterPid(dataDir);
  const [viewer, creator] = await Promise.all([signIn(server), signIn(server)]);
  const { id } = await startStream(creator);
  succeed(await buyCoins(viewer, { coins: 70 }));
  succeed(await sendGift(viewer, id));
  const beside = await runAudit({ DATA_DIR: dataDir });
  expect(beside).toEqual(AGREES);
  expect(postmasterPid(dataDir)).toBe(postgres);
  succeed(await sendGift(viewer, id));
  await server.stop();
  expect(postmasterPid(dataDir)).toBeUndefined();
  const alone = await runAudit({ DATA_DIR: dataDir });
  expect(alone).toEqual(AGREES);
  expect(postmasterPid(dataDir)).toBeUndefined();
  const count = ({ stdout }: { stdout: string }) => Number(/^(\d+) transfers/m.exec(stdout)![1]);
  expect(count(alone)).toBe(count(beside) + 2);
});
