import { constants } from 'node:os';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Ctrl-C reaches npm and us, and npm passes it on: signals this close together are one. */
const SECOND_SIGNAL_MS_MIN = 1_000;

/**
 * Runs work that Ctrl-C interrupts: its signal is aborted, and it gets the time to clean up. A second Ctrl-C exits at once.
 * @returns the exit code: 0, 1 after an error, or that of the signal
 */
export async function untilSignal(work: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const controller = new AbortController();
  let first: { name: NodeJS.Signals; atMs: number } | undefined;
  const codeOf = (name: NodeJS.Signals): number => 128 + constants.signals[name];
  const onSignal = (name: NodeJS.Signals): void => {
    if (first && performance.now() - first.atMs >= SECOND_SIGNAL_MS_MIN) process.exit(codeOf(name));
    first ??= { name, atMs: performance.now() };
    controller.abort();
  };
  for (const name of STOP_SIGNALS) process.on(name, onSignal);
  try {
    await work(controller.signal);
    return first ? codeOf(first.name) : 0;
  } catch (error) {
    if (first) return codeOf(first.name);
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    return 1;
  } finally {
    for (const name of STOP_SIGNALS) process.removeListener(name, onSignal);
  }
}
