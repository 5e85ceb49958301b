import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CommandCall, CommandResult, Commands } from './commands.ts';

/** How long a program may take to be ready, and to end. */
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 5_000;
/** What is kept of a program's output for the case that it dies. */
const OUTPUT_CHARS_MAX = 4_000;

/** A program of ours in a process of its own. */
export type Child<C extends Commands, Ready = unknown> = {
  pid: number;
  /** What it said when it was ready. */
  ready: Ready;
  /** Resolves when it has ended, with the end of its output. */
  ended: Promise<string>;
  /**
   * Runs one of its commands.
   * @throws what the command threw, or when the process has ended
   */
  call: <Name extends keyof C & string>(
    command: Name,
    ...argument: Parameters<C[Name]>
  ) => Promise<Awaited<ReturnType<C[Name]>>>;
  /** Ends it; resolves when it is gone. May be called again. */
  stop: () => Promise<void>;
};

/**
 * Starts a TypeScript or .mjs program, see `commands.ts` for its side. It ends with this process, however that ends, and
 * when the signal is aborted.
 * @param argument what `readArgument` gives it
 * @param execPath the Node to run it on, this one by default
 * @throws when it ends, or is not ready in time
 */
export async function startChild<C extends Commands, Ready = unknown>(
  program: URL,
  options: { argument?: unknown; signal: AbortSignal; execPath?: string },
): Promise<Child<C, Ready>> {
  options.signal.throwIfAborted();
  const process_ = fork(fileURLToPath(program), [JSON.stringify(options.argument ?? null)], {
    execPath: options.execPath ?? process.execPath,
    execArgv: ['--import', 'tsx', '--expose-gc', '--no-deprecation'],
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'advanced',
  });
  const kill = (): void => void process_.kill('SIGKILL');
  options.signal.addEventListener('abort', kill, { once: true });
  const ended = endOf(process_).then((output) => {
    options.signal.removeEventListener('abort', kill);
    return output;
  });
  const calls = new Calls(process_, ended);
  const late = setTimeout(kill, READY_MS_MAX);
  try {
    const ready = (await calls.answerTo(0)) as Ready;
    return {
      pid: process_.pid!,
      ready,
      ended,
      call: (command, ...[argument]) => calls.call(command, argument) as never,
      stop: () => stop(process_, ended),
    };
  } catch (error) {
    await stop(process_, ended);
    throw error;
  } finally {
    clearTimeout(late);
  }
}

/** The calls that wait for an answer. */
class Calls {
  readonly #open = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #lastId = 0;
  #end: string | undefined;

  constructor(
    private readonly child: ChildProcess,
    ended: Promise<string>,
  ) {
    child.on('message', ({ id, result, error }: CommandResult) => {
      const call = this.#open.get(id);
      this.#open.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(error));
    });
    void ended.then((output) => {
      this.#end = output;
      for (const call of this.#open.values()) call.reject(this.#death());
      this.#open.clear();
    });
  }

  call(command: string, argument: unknown): Promise<unknown> {
    const id = ++this.#lastId;
    const answer = this.answerTo(id);
    if (this.child.connected) this.child.send({ id, command, argument } satisfies CommandCall, () => undefined);
    return answer;
  }

  answerTo(id: number): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(this.#death());
    return new Promise((resolve, reject) => this.#open.set(id, { resolve, reject }));
  }

  #death(): Error {
    return new Error(`${this.child.spawnargs.at(-2)} has ended: ${this.#end || 'no output'}`);
  }
}

/** Reads the output, so that the program never waits for us, and resolves with its end. */
function endOf(child: ChildProcess): Promise<string> {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_CHARS_MAX);
    });
  }
  // Not 'close': after a disconnect of ours it never comes.
  const ends = [child, child.stdout!, child.stderr!].map(
    (one) => new Promise<void>((resolve) => one.once(one === child ? 'exit' : 'close', () => resolve())),
  );
  return Promise.all(ends).then(() => output.trim());
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.connected) child.disconnect();
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await ended;
  clearTimeout(late);
}
