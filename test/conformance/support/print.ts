import { afterAll } from 'vitest';
import { type Check, type Transport, tableOf } from './checks.ts';

/** Prints the table of a file's checks once they have run: what passed, and what did not. */
export function printTableAfterwards(checks: readonly Check[], file: string) {
  const done = new Set<string>();
  const keyOf = (check: Check, transport: Transport) => `${check.threat}\n${transport}`;
  afterAll(() => {
    const verdict = (check: Check, transport: Transport) => (done.has(keyOf(check, transport)) ? '✓' : 'FAILED');
    process.stdout.write(`\n${tableOf(checks, `${file}.test.ts`, verdict)}\n`);
  });
  return { passed: (check: Check, transport: Transport) => void done.add(keyOf(check, transport)) };
}
