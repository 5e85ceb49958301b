import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StartError } from '../../kernel/start-error.ts';

/** Under whose identity Postgres runs. */
export type Launcher = {
  /** Command words that stand before the program. */
  prefix: readonly string[];
  /** Undefined: our own user. */
  ids: { uid: number; gid: number } | undefined;
};

/** How a command ended. `output` holds stdout and stderr. */
export type CommandResult = { ok: boolean; output: string };

const GONE_WAIT_MS_POLL = 20;
const OUTPUT_CHARS_MAX = 64 * 1024;

/**
 * What tells a process from a later one with the same pid: its start time.
 * Undefined when there is no such process; a zombie counts as none.
 */
export function processIdentity(pid: number): string | undefined {
  if (!existsSync('/proc/self/stat')) return psField(pid, 'lstart=');
  try {
    // `pid (name) state …`: the name may hold anything, so the fields are counted from its closing bracket.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0];
    return state === 'Z' || state === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Whether the process is the postmaster of this cluster directory, and not another program that was given its pid. */
export function isPostmasterOf(pid: number, clusterDir: string): boolean {
  if (!existsSync('/proc/self/stat')) {
    const command = psField(pid, 'command=') ?? '';
    return command.includes('postgres') && command.includes(clusterDir);
  }
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (basename(words[0] ?? '') !== 'postgres') return false;
    // A postmaster works in its cluster directory: that also holds after the directory was moved.
    return words.includes(clusterDir) || readlinkSync(`/proc/${pid}/cwd`) === realpathSync(clusterDir);
  } catch {
    return false;
  }
}

/** Whether any process, a zombie too, has this pid. */
export function pidIsTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Waits until the process is gone; false when it is still there after `msMax`. */
export async function waitUntilGone(pid: number, identity: string, msMax: number): Promise<boolean> {
  const deadline = performance.now() + msMax;
  while (processIdentity(pid) === identity) {
    if (performance.now() > deadline) return false;
    await delay(GONE_WAIT_MS_POLL);
  }
  return true;
}

/** Sends a signal; a process that is gone already is fine. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The environment for Postgres programs: messages in English, nothing of the operator's own Postgres settings. */
export function postgresEnv(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') && !name.startsWith('LC_'));
  return { ...Object.fromEntries(entries), LC_ALL: 'C', LANG: 'C' };
}

/**
 * Runs a program to its end, in its own session so that Ctrl-C in the terminal does not reach it; `signal` ends it.
 * Never throws: a program that cannot be started is `ok: false`.
 */
export function runCommand(
  launcher: Launcher,
  words: readonly string[],
  options: { signal?: AbortSignal | undefined; cwd?: string } = {},
): Promise<CommandResult> {
  const [command = '', ...args] = [...launcher.prefix, ...words];
  return new Promise((done) => {
    const child = spawn(command, args, {
      ...launcher.ids,
      cwd: options.cwd ?? '/',
      env: postgresEnv(),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      if (output.length < OUTPUT_CHARS_MAX) output += chunk.toString();
    };
    const abort = () => {
      // The whole group: initdb has children of its own.
      if (child.pid !== undefined) sendSignal(-child.pid, 'SIGTERM');
    };
    const finish = (result: CommandResult) => {
      options.signal?.removeEventListener('abort', abort);
      done(result);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => finish({ ok: false, output: error.message }));
    child.on('close', (code) => finish({ ok: code === 0, output }));
    options.signal?.addEventListener('abort', abort, { once: true });
    if (options.signal?.aborted) abort();
  });
}

/** The line of a Postgres program's output that says what went wrong. */
export function meaningfulLine(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const telling = lines.findLast((line) => /(FATAL|PANIC|error|cannot)\b/.test(line));
  return (telling ?? lines.at(-1) ?? 'it said nothing').replace(/^.*?(FATAL|PANIC|error):\s*/, '').trim();
}

/** Throws what an interrupted start ends with. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new StartError('The start was interrupted');
}

function psField(pid: number, field: string): string | undefined {
  try {
    const state = execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    if (state.startsWith('Z')) return undefined;
    return execFileSync('ps', ['-o', field, '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}
