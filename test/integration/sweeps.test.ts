/** One look for all background work: what is due works, what is not costs nothing. */
import { once } from 'node:events';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { connectDatabase, type Database } from '../../src/db/database.ts';
import type { Sweep } from '../../src/db/sweeps.ts';
import { FAILED } from '../../src/kernel/every.ts';
import { cloneDatabase } from '../support/database.ts';

const TICK_MS = 5;
const HOUR_MS = 3_600_000;
const NEVER_DUE = 'SELECT FROM todo WHERE false';

async function open(): Promise<Database> {
  const { url, drop } = await cloneDatabase();
  const db = connectDatabase(url, pino({ level: 'silent' }));
  await db.pool.query('CREATE TABLE todo (what text PRIMARY KEY)');
  onTestFinished(async () => {
    await db.close();
    await drop();
  });
  return db;
}

/** A sweep that takes its row off the list, and what it did. */
function taking(db: Database, name: string, intervalMs = TICK_MS) {
  const done: string[] = [];
  const sweep: Sweep = {
    name,
    intervalMs,
    due: `SELECT FROM todo WHERE what = '${name}'`,
    work: async () => {
      done.push(name);
      await db.pool.query('DELETE FROM todo WHERE what = $1', [name]);
    },
  };
  return { done, sweep };
}

function start(db: Database, sweep: Sweep): void {
  const started = db.sweeps.start(sweep);
  onTestFinished(() => started.stop());
}

const due = (db: Database, ...names: string[]) => db.pool.query('INSERT INTO todo SELECT unnest($1::text[])', [names]);
const runsOf = (db: Database, name: string) => db.instruments.meters.sweeps.of(name).runs;
/** Waits until a sweep has looked again, beginning now: a run that is under way may have looked before. */
async function untilLooked(db: Database, name: string): Promise<void> {
  const runs = runsOf(db, name);
  await expect.poll(() => runsOf(db, name)).toBeGreaterThan(runs + 1);
}

test('what is due works, once, and what is not does not', async () => {
  const db = await open();
  const [a, b] = [taking(db, 'a'), taking(db, 'b')];
  start(db, a.sweep);
  start(db, b.sweep);
  await untilLooked(db, 'a');
  expect([a.done, b.done]).toEqual([[], []]);
  await due(db, 'b');
  await expect.poll(() => b.done).toEqual(['b']);
  await untilLooked(db, 'b');
  expect([a.done, b.done]).toEqual([[], ['b']]);
});

test('all that want to look at once send one statement, and what does not want to is not looked at', async () => {
  const db = await open();
  start(db, { ...taking(db, 'rare', HOUR_MS).sweep, due: 'SELECT FROM todo WHERE 1 / 0 = 1' });
  for (const name of ['a', 'b', 'c']) start(db, taking(db, name).sweep);
  await untilLooked(db, 'a');
  const sent: string[] = [];
  const stop = db.onSql((sql) => sent.push(sql));
  const before = ['a', 'b', 'c'].map((name) => runsOf(db, name));
  await expect.poll(() => runsOf(db, 'a')).toBeGreaterThan(before[0]! + 5);
  stop();
  expect(new Set(sent.map((sql) => sql.slice(0, sql.indexOf('*/'))))).toEqual(new Set(['/* sweeps.due.4 ']));
  // A look that is under way when counting begins or ends is one more or less.
  const looks = runsOf(db, 'a') - before[0]!;
  expect(Math.abs(sent.length - looks)).toBeLessThanOrEqual(1);
  expect(['b', 'c'].map((name, index) => runsOf(db, name) - before[index + 1]!)).toEqual([looks, looks]);
  expect(runsOf(db, 'rare')).toBe(0);
});

test('one that takes long is not started again, holds nobody up, and is waited for by its stop', async () => {
  const db = await open();
  const slow = new AbortController();
  const ended = once(slow.signal, 'abort');
  let begun = 0;
  const sweep = {
    name: 'slow',
    intervalMs: TICK_MS,
    due: 'SELECT 1',
    work: () => {
      begun++;
      return ended;
    },
  };
  const started = db.sweeps.start(sweep);
  start(db, { ...taking(db, 'other').sweep });
  await expect.poll(() => begun).toBe(1);
  await untilLooked(db, 'other');
  expect(begun).toBe(1);
  let isStopped = false;
  const stopped = started.stop().then(() => {
    isStopped = true;
  });
  await untilLooked(db, 'other');
  expect(isStopped).toBe(false);
  slow.abort();
  await stopped;
  await untilLooked(db, 'other');
  expect(begun).toBe(1);
});

test('a look that fails is counted with every sweep that waited for it, and the next looks again', async () => {
  const db = await open();
  const a = taking(db, 'a');
  start(db, a.sweep);
  start(db, { ...taking(db, 'b').sweep, due: NEVER_DUE });
  await db.pool.query('ALTER TABLE todo RENAME TO gone');
  const failed = () => ['a', 'b'].map((name) => db.instruments.meters.sweeps.of(name).failed);
  await expect.poll(() => Math.min(...failed())).toBeGreaterThan(1);
  await db.pool.query('ALTER TABLE gone RENAME TO todo');
  await due(db, 'a');
  await expect.poll(() => a.done).toEqual(['a']);
});

test('work that says it failed is counted, and is due until it is done', async () => {
  const db = await open();
  let tries = 0;
  const { sweep, done } = taking(db, 'a');
  start(db, { ...sweep, work: async () => (++tries < 3 ? FAILED : sweep.work()) });
  await due(db, 'a');
  await expect.poll(() => done).toEqual(['a']);
  expect(db.instruments.meters.sweeps.of('a').failed).toBe(2);
});
