/** Statements of one transaction that are sent at once. */
import { expect } from 'vitest';
import { rows, together } from '../../src/db/database.ts';
import { test as base } from './support/shared-server.ts';

const test = base.extend('sql', ({ server }) => server.app.services.db);

test('they are done in the order that they are sent, and each has its own result', async ({ sql }) => {
  const found = await sql.inTransaction((tx) =>
    together(
      rows(tx, "SELECT set_config('hadiya.step', 'first', true) AS step"),
      rows(tx, "SELECT current_setting('hadiya.step') AS step"),
      rows(tx, "SELECT set_config('hadiya.step', 'second', true) AS step"),
      rows(tx, "SELECT current_setting('hadiya.step') AS step"),
    ),
  );
  expect(found.flat()).toEqual([{ step: 'first' }, { step: 'first' }, { step: 'second' }, { step: 'second' }]);
});

test('the first that fails by itself is what is thrown, and nothing that follows it is written', async ({ sql }) => {
  const insert = (key: string) =>
    `INSERT INTO sandbox_charge (idempotency_key, token, amount_minor, currency, status) VALUES ('${key}', 'tok_ok', 1, 'USD', 'SUCCEEDED')`;
  const key = `together:${crypto.randomUUID()}`;
  const failing = sql.inTransaction(async (tx) => {
    /** Goes on to its second statement, however the others fare. */
    const twoSteps = async () => {
      await rows(tx, 'SELECT 1');
      await rows(tx, insert(`${key}:2`));
    };
    await together(twoSteps(), rows(tx, insert(`${key}:1`)), rows(tx, 'SELECT 1 / 0'), rows(tx, insert(`${key}:3`)));
  });
  await expect(failing).rejects.toThrow('division by zero');
  expect(await rows(sql.pool, 'SELECT 1 FROM sandbox_charge WHERE idempotency_key LIKE $1', [`${key}%`])).toEqual([]);
});
