/**
 * The child's side of a benchmark: a program that was started with `startChild` answers the driver's commands over IPC.
 * Importing this file ties the life of the process to the driver's: it can die in any way, and leaves no orphan.
 */

/** What a driver may call in a child process. Arguments and results are cloned on their way. */
// biome-ignore lint/suspicious/noExplicitAny: each program has its own arguments, which the driver knows by the type
export type Commands = Record<string, (argument: any) => unknown>;

/** One call, and how it ended. */
export type CommandCall = { id: number; command: string; argument: unknown };
export type CommandResult = { id: number; result?: unknown; error?: string };

/** CPU time and wall time between `begin` and `end`. */
export type Usage = { userMs: number; systemMs: number; wallMs: number };

/** Bytes after two collections. `heap` counts what V8 and Node hold outside of it too (buffers). */
export type Memory = { heapBytes: number; rssBytes: number };

/** How long memory that native code frees later may take to be given back between two collections. */
const COLLECT_PAUSE_MS = 300;

if (process.send) {
  process.on('disconnect', () => process.exit(0));
  if (!process.connected) process.exit(0);
  // Ctrl-C reaches the whole group. The driver ends us.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
}

/** The argument that the driver started this program with. */
export function readArgument<Argument>(): Argument {
  return JSON.parse(process.argv[2] ?? 'null') as Argument;
}

/** Tells the driver that the program is ready, with what it has to know, and answers its commands from now on. */
export function serveCommands(commands: Commands, ready?: unknown): void {
  process.on('message', ({ id, command, argument }: CommandCall) => {
    const answer = (result: Omit<CommandResult, 'id'>): void => {
      if (process.connected) process.send?.({ id, ...result } satisfies CommandResult);
    };
    Promise.resolve()
      .then(() => {
        const run = commands[command];
        if (!run) throw new Error(`no such command: ${command}`);
        return run(argument);
      })
      .then(
        (result) => answer({ result }),
        (error: unknown) => answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      );
  });
  process.send?.({ id: 0, result: ready } satisfies CommandResult);
}

/** Commands that every program answers: CPU between two calls, and memory. Memory wants node's --expose-gc. */
export function usageCommands() {
  let cpu = process.cpuUsage();
  let sinceMs = performance.now();
  return {
    begin: (): void => {
      cpu = process.cpuUsage();
      sinceMs = performance.now();
    },
    end: (): Usage => {
      const { user, system } = process.cpuUsage(cpu);
      return { userMs: user / 1000, systemMs: system / 1000, wallMs: performance.now() - sinceMs };
    },
    memory: async (): Promise<Memory> => {
      for (let pass = 0; pass < 2; pass++) {
        globalThis.gc?.();
        await new Promise((resolve) => setTimeout(resolve, COLLECT_PAUSE_MS));
      }
      const { heapUsed, external, rss } = process.memoryUsage();
      return { heapBytes: heapUsed + external, rssBytes: rss };
    },
  };
}
