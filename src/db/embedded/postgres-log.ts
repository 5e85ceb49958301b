import { fchownSync, fstatSync, ftruncateSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Launcher, meaningfulLine } from './processes.ts';

const LOG_BYTES_MAX = 16 * 1024 * 1024;
const LOG_TAIL_BYTES_MAX = 64 * 1024;

/** Opens the log for Postgres to write to; the caller closes it. `size` is its length in bytes before this start. */
export function openPostgresLog(path: string, launcher: Launcher): { fd: number; size: number } {
  const fd = openSync(path, 'a', 0o600);
  if (fstatSync(fd).size > LOG_BYTES_MAX) ftruncateSync(fd);
  if (launcher.ids !== undefined) fchownSync(fd, launcher.ids.uid, launcher.ids.gid);
  return { fd, size: fstatSync(fd).size };
}

/** The line that Postgres wrote to its log after byte `from` and that says what went wrong. */
export async function lastLogLine(path: string, from: number): Promise<string> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return 'it left no log';
  try {
    const { size } = await file.stat();
    const length = Math.min(Math.max(size - from, 0), LOG_TAIL_BYTES_MAX);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return meaningfulLine(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await file.close();
  }
}
