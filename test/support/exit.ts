/** Waiting for child processes to end, within a limit. */
import type { ChildProcess } from 'node:child_process';

/** How a child process ended. */
export type Exit = {
  /** The exit code; null when a signal ended it. */
  code: number | null;
  /** The signal that ended it; null when it left by itself. */
  signal: NodeJS.Signals | null;
};

/** How long a process asked to stop may take before it is killed: a server itself takes 15 s when its clients do not go. */
export const STOP_LIMIT_MS = 40_000;

/** How long the last words of a process are waited for: what it has started may hold its streams open for longer. */
const LAST_WORDS_LIMIT_MS = 5_000;

/** Resolves when the child has ended and all that it wrote was read, also when it ended before the call. */
export async function exited(child: ChildProcess): Promise<Exit> {
  if (child.exitCode === null && child.signalCode === null) {
    await new Promise((resolve) => child.once('exit', resolve));
  }
  await streamsClosed(child);
  return { code: child.exitCode, signal: child.signalCode };
}

/** Node tells of the end of a process when it hears of it, which may be before it has read what the process wrote last. */
async function streamsClosed({ stdout, stderr }: ChildProcess): Promise<void> {
  // One that nobody reads never closes.
  const open = [stdout, stderr].filter((stream) => stream?.readableFlowing && !stream.closed);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, LAST_WORDS_LIMIT_MS);
  });
  const closed = open.map((stream) => new Promise((resolve) => stream?.once('close', resolve)));
  await Promise.race([Promise.all(closed), late]);
  clearTimeout(timer);
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
