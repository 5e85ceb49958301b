/** Waiting for child processes to end, within a limit. */
import type { ChildProcess } from 'node:child_process';

/** How a child process ended. */
export type Exit = {
  /** The exit code; null when a signal ended it. */
  code: number | null;
  /** The signal that ended it; null when it left by itself. */
  signal: NodeJS.Signals | null;
};

/** How long a process asked to stop may take before it is killed: it writes all it has to disk, on a machine that does a lot besides. */
export const STOP_LIMIT_MS = 30_000;

/** Resolves when the child has ended, also when it ended before the call. */
export function exited(child: ChildProcess): Promise<Exit> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode });
  }
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
}

/** Resolves when the child has ended and all that it had written has been read. For a child that was just started. */
export function closed(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
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
