/** Ends every test run with one plain line: `N passed, N failed`. Whatever broke outside a test counts as a failure. */
import { writeSync } from 'node:fs';
import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

/** The counts of a run. */
export type Counts = { passed: number; failed: number };

const STDOUT = 1;

/** Counts tests, and files, hooks and set-ups that failed. */
export default class CountReporter implements Reporter {
  private counts: Counts | undefined;

  /** The line comes with the end of the process, so that nothing can follow it, and also when the set-up of the run failed. */
  onInit(): void {
    process.once('exit', (code) => {
      const { passed, failed } = this.counts ?? { passed: 0, failed: 1 };
      writeSync(STDOUT, `${passed} passed, ${failed === 0 && code !== 0 ? 1 : failed} failed\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[], reason: TestRunEndReason): void {
    this.counts = count(modules, unhandledErrors.length, reason);
  }
}

/** Adds up a run. A run that failed without a failed part still has one failure. */
function count(modules: readonly TestModule[], unhandled: number, reason: TestRunEndReason): Counts {
  const counts = { passed: 0, failed: unhandled };
  for (const module of modules) {
    counts.failed += module.errors().length;
    for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') counts.passed++;
      else if (state !== 'skipped') counts.failed++; // Skipped by a filter of the command line: no test skips itself.
    }
  }
  if (reason !== 'passed' && counts.failed === 0) counts.failed = 1;
  return counts;
}
