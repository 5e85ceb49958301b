import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';
import { relayArtifacts } from './test/support/relay-artifacts.ts';

/** One test may take this long, with the start of its server and its database; the first of a worker loads all the code, too. */
const TEST_LIMIT_MS = 60_000;
/** Fixtures of one test together. */
const HOOK_LIMIT_MS = 120_000;
/** What `expect.poll` waits for: another process, Redis coming back. */
const POLL_LIMIT_MS = 30_000;
/** Test files at once: each may run a server of its own, so more than this only makes them wait for each other. */
const WORKERS = 2;

const resolve = {
  // Node takes graphql's `main`, Vite its `module`: without this, tests and libraries would hold two copies of it.
  alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }],
};
const limits = {
  environment: 'node' as const,
  pool: 'forks' as const,
  // Files of one worker share its modules: to load and warm them anew for each file took a third of the run.
  isolate: false,
  testTimeout: TEST_LIMIT_MS,
  hookTimeout: HOOK_LIMIT_MS,
  expect: { poll: { timeout: POLL_LIMIT_MS } },
};

/** A process has one schema, the demo's or the other: what tests the other one needs a process of its own. */
const OTHER_SCHEMA = [
  'test/integration/tokens*.test.ts',
  'test/integration/fulfilment.production.test.ts',
  'test/conformance/{jwt,production}.test.ts',
];

export default defineConfig({
  resolve,
  test: {
    maxWorkers: WORKERS,
    teardownTimeout: HOOK_LIMIT_MS,
    // Here and not in the projects: it runs once, and both use what it starts.
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/support/reporter.ts'],
    projects: [
      {
        resolve,
        plugins: [relayArtifacts()],
        test: { ...limits, name: 'all', include: ['test/**/*.test.ts'], exclude: OTHER_SCHEMA },
      },
      { resolve, test: { ...limits, name: 'production', include: OTHER_SCHEMA, isolate: true } },
      {
        resolve,
        // What viewers receive must not depend on whether they share an execution. What lies below that is tested once.
        test: {
          ...limits,
          name: 'alone',
          include: ['test/realtime/**/*.test.ts'],
          exclude: ['test/realtime/cluster*.test.ts', 'test/realtime/shutdown.test.ts'],
          env: { TEST_FAN_OUT: 'alone' },
        },
      },
    ],
  },
});
