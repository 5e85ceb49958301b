/** Waiting for child processes to end, within a limit. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** How a child process ended. */
export type Exit = {
  /** The exit code; null when a signal ended it. */
  code: number | null;
  /** The signal that ended it; null when it left by itself. */
  signal: NodeJS.Signals | null;
};

/** How long a process asked to stop may take before it is killed: longer than a server gives itself (10 s to drain, 25 s for its Postgres). */
export const STOP_LIMIT_MS = 40_000;

/** Resolves when the child has ended, also when it ended before the call. What it said last may still have to be read. */
export function exited(child: ChildProcess): Promise<Exit> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode });
  }
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
}

/** Resolves when the child has ended and all that it, and whoever shares its streams, has said is read. */
export async function heardOut(child: ChildProcess): Promise<Exit> {
  const exit = await exited(child);
  const closed = [child.stdout, child.stderr].map(async (stream) => {
    if (stream && !stream.closed) await once(stream, 'close');
  });
  await Promise.all(closed);
  return exit;
}

/** Asks a child to stop, and kills it when it does not within the limit. */
export async function stopChild(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
  const gone = exited(child);
  child.kill(signal);
  const kill = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  try {
    return await gone;
  } finally {
    clearTimeout(kill);
  }
}
