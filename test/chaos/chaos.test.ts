/** A short run of `npm run chaos`, and that what it judges with finds what is wrong. */
import { randomUUID } from 'node:crypto';
import { expect, inject } from 'vitest';
import { test } from '../support/fixtures.ts';
import { runChaos } from './chaos.ts';
import { toText } from './report.ts';
import { isClean, type Verdict } from './verdict.ts';

const SECONDS = 15;
const WATCHERS = 24;
/** Servers that start while everything is busy take their time. */
const TEST_LIMIT_MS = 400_000;

const CLEAN: Verdict = {
  ledgerViolations: [],
  lostEvents: 0,
  doubledEvents: 0,
  lostOrDoubledEffects: [],
  oversold: 0,
  stuckOrders: 0,
  feedErrors: [],
};

test('servers, Postgres, Redis and sockets fail under load, and nothing is lost, doubled, oversold or stuck', {
  timeout: TEST_LIMIT_MS,
}, async ({ db }) => {
  const seed = Number.parseInt(randomUUID().slice(0, 6), 16);
  const report = await runChaos({
    databaseUrl: db.url,
    dataDir: inject('dataDir'),
    seconds: SECONDS,
    watchers: WATCHERS,
    seed,
    say: () => undefined,
  });
  const text = toText(report);
  expect(report.verdict, text).toEqual(CLEAN);
  expect(report.exitCodes, text).toEqual([0, 0]);
  for (const { name, feedMs } of report.faults) expect(feedMs, `${name}${text}`).toBeDefined();
  // It was a run: everybody did something, and the faults were felt.
  expect(Math.min(report.gifts, report.purchases, report.messages, report.repeated), text).toBeGreaterThan(0);
  expect(report.reconnects, text).toBeGreaterThan(WATCHERS / 4);
});

test('a verdict with anything in it is not clean', () => {
  expect(isClean(CLEAN)).toBe(true);
  for (const name of Object.keys(CLEAN) as (keyof Verdict)[]) {
    const wrong = { ...CLEAN, [name]: Array.isArray(CLEAN[name]) ? ['something'] : 1 };
    expect(isClean(wrong), name).toBe(false);
  }
});
