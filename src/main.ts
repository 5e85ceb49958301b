import { createServer } from 'node:net';
import type { Logger } from 'pino';
import { createLog } from './app/log.ts';
import { type Config, loadConfig } from './config.ts';
import { type StartedDatabase, startDatabase } from './db/start-database.ts';
import { Instruments } from './kernel/instruments.ts';
import { checkNodeVersion } from './kernel/node-version.ts';
import { StartError } from './kernel/start-error.ts';

/** How long open requests and sockets may take to end, beside the times that the settings give. */
const DRAIN_MS_MAX = 10_000;
/** How long a second signal still lets Postgres stop. */
const FORCED_STOP_MS_MAX = 3_000;
/** Ctrl-C reaches npm and Hadiya, and npm passes it on: signals this close together are one. */
const SECOND_SIGNAL_MS_MIN = 1_000;
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What was started and is to be ended again. */
type Running = { app?: { close(): Promise<void> }; database?: StartedDatabase };

/** Why the process ends. */
type End = { code: 0 | 1; reason: string };

/** The one end of the process. `signal` is aborted and `ended` resolved with its first cause. */
type Ending = { signal: AbortSignal; ended: Promise<End>; end(why: End): void; hasFailed(): boolean };

/** Runs Hadiya until a signal or a failure ends it, and returns the exit code. */
async function run(): Promise<number> {
  checkNodeVersion(process.versions.node);
  const config = loadConfig(process.env);
  const tracing = config.traces ? (await import('./app/tracing.ts')).startTracing(process.env) : undefined;
  const followRequests = config.logLevel === 'debug' || config.logLevel === 'trace';
  const instruments = new Instruments({ followRequests, tracer: tracing?.tracer });
  const log = createLog(config.logLevel, instruments);
  const started: Running = {};
  const ending = listenForEnd(log, async () => started.database?.close());
  const startup = start(config, { log, instruments }, started, ending).catch((error) => {
    // What an interrupted start throws is no news.
    if (ending.signal.aborted) return;
    report(error);
    ending.end({ code: 1, reason: 'the start failed' });
  });
  const { code } = await ending.ended;
  const msMax = DRAIN_MS_MAX + config.drain.delayMs + config.drain.spreadMs;
  const drained = await drain(log, msMax, async () => {
    await startup;
    await started.app?.close();
  });
  await tracing?.shutdown();
  await started.database?.close();
  return drained && !ending.hasFailed() ? code : 1;
}

/** Starts everything in turn, and notes in `started` what there is to end. */
async function start(
  config: Config,
  { log, instruments }: { log: Logger; instruments: Instruments },
  started: Running,
  { signal, end }: Ending,
): Promise<void> {
  await checkPortIsFree(config);
  // Loading the app takes longer than all checks before it, and can go on while Postgres starts.
  const loading = import('./app.ts');
  loading.catch(() => undefined);
  const onLost = (reason: Error): void => {
    log.fatal({ err: reason }, 'the database is lost');
    report(new StartError(`${reason.message}: start Hadiya again`));
    end({ code: 1, reason: 'the database is lost' });
  };
  started.database = await startDatabase(config, log, { signal, onLost });
  signal.throwIfAborted();
  const { createApp } = await loading;
  const app = await createApp(config, { log, instruments, databaseUrl: started.database.url });
  started.app = app;
  signal.throwIfAborted();
  const { url } = await app.listen().catch((error: unknown) => {
    throw portProblem(error, config) ?? error;
  });
  process.stdout.write(`${app.welcome(url)}\n`);
}

/**
 * Listens for everything that ends the process. The second signal of an impatient operator asks Postgres to stop and
 * exits at once.
 */
function listenForEnd(log: Logger, stopDatabase: () => Promise<unknown>): Ending {
  const controller = new AbortController();
  let resolveEnded: (end: End) => void;
  const ended = new Promise<End>((resolve) => {
    resolveEnded = resolve;
  });
  let firstSignalAt: number | undefined;
  let failed = false;

  const end = (why: End): void => {
    if (!controller.signal.aborted) log.info({ reason: why.reason }, 'stopping');
    resolveEnded(why);
    controller.abort();
  };
  const onSignal = (name: NodeJS.Signals): void => {
    const now = performance.now();
    if (firstSignalAt !== undefined && now - firstSignalAt < SECOND_SIGNAL_MS_MIN) return;
    if (firstSignalAt === undefined) {
      firstSignalAt = now;
      end({ code: 0, reason: name });
      return;
    }
    log.warn('second signal: exiting without a drain');
    setTimeout(() => process.exit(1), FORCED_STOP_MS_MAX);
    stopDatabase().finally(() => process.exit(1));
  };
  const onFatal = (error: unknown): void => {
    failed = true;
    log.fatal({ err: error }, 'unexpected error');
    report(error);
    end({ code: 1, reason: 'unexpected error' });
  };
  for (const name of STOP_SIGNALS) process.on(name, onSignal);
  process.on('uncaughtException', onFatal);
  process.on('unhandledRejection', onFatal);
  return { signal: controller.signal, ended, end, hasFailed: () => failed };
}

/** Waits for the drain; false when it fails or takes longer than that. */
async function drain(log: Logger, msMax: number, work: () => Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not drained after ${msMax} ms`)), msMax);
  });
  try {
    await Promise.race([work(), late]);
    return true;
  } catch (error) {
    log.error({ err: error }, 'the drain failed');
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/** Fails before anything else is started if the port is not to be had. */
function checkPortIsFree(config: Config): Promise<void> {
  return new Promise((free, failed) => {
    const server = createServer();
    server.once('error', (error) => failed(portProblem(error, config) ?? error));
    server.listen(config.port, config.host, () => server.close(() => free()));
  });
}

function portProblem(error: unknown, { host, port }: Config): StartError | undefined {
  const problems: Record<string, string> = {
    EADDRINUSE: `Port ${port} is taken by another program: stop it, or set PORT`,
    EACCES: `Port ${port} needs rights that this user lacks: set PORT to 1024 or more`,
    EADDRNOTAVAIL: `HOST ${host} is not an address of this machine: correct HOST`,
    ENOTFOUND: `HOST ${host} cannot be looked up: correct HOST`,
    EAI_AGAIN: `HOST ${host} cannot be looked up: correct HOST`,
  };
  const text = problems[(error as NodeJS.ErrnoException).code ?? ''];
  return text === undefined ? undefined : new StartError(text);
}

/** An operator's problem is one line, anything else comes with its stack. */
function report(error: unknown): void {
  const text = error instanceof StartError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text}\n`);
}

// A closed terminal or pipe must not keep Hadiya from stopping Postgres.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

process.exit(
  await run().catch((error) => {
    report(error);
    return 1;
  }),
);
