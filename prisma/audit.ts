/** `npm run audit`: recomputes the whole ledger from its transfers, and says what does not agree. See docs/ledger.md. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import pg from 'pg';
import { pino } from 'pino';
import { loadConfig } from '../src/config.ts';
import { connectProblem } from '../src/db/connect-problem.ts';
import { findRunningPostgres, startEmbeddedPostgres } from '../src/db/embedded/index.ts';
import { countTransfers, hasChainedLedger } from '../src/domains/wallet/audit/audit.repo.ts';
import { auditLedger } from '../src/domains/wallet/audit/audit-ledger.ts';
import { describe, fromHeadLine, type Head, toHeadLine } from '../src/domains/wallet/audit/chain-audit.ts';
import { StartError } from '../src/kernel/start-error.ts';

const USAGE = `Usage: npm run audit -- [--heads FILE] [--since FILE]

Recomputes every hash, chain and balance of the ledger of DATABASE_URL, or of the embedded database under
DATA_DIR, also beside a running server. Reads only. Exit code 0: all agrees; 1: something does not, or it could not be read.

  --heads FILE   writes where the chain of each account stands to a new file
  --since FILE   also checks that all chains go through where they stood when that file was written`;

const BAR = '{bar} {percentage}% | {value} of {total} transfers | {differences} differences | {eta_formatted} left';
/** Differences that are printed; all are counted. */
const DIFFERENCES_SHOWN_MAX = 100;
const CONNECT_MS_MAX = 5_000;

type Order = { heads: string | undefined; since: string | undefined };

/** Audits, and returns the exit code. */
async function run(signal: AbortSignal): Promise<number> {
  const order = readOrder(process.argv.slice(2));
  if (!order) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const { databaseUrl, dataDir, logLevel } = loadConfig(process.env);
  const log = pino({ level: logLevel === 'info' ? 'warn' : logLevel }, pino.destination(2));
  const earlier = order.since === undefined ? undefined : await readHeads(order.since);
  const running = databaseUrl ?? (await findRunningPostgres(dataDir, log));
  const started = running === undefined ? await startEmbeddedPostgres({ dataDir, log, signal }) : undefined;
  try {
    return await auditDatabase(running ?? started!.url, { heads: order.heads, earlier }, signal);
  } finally {
    await started?.stop();
  }
}

/** @throws {StartError} when the command line is wrong. Undefined: it asks for help. */
function readOrder(args: string[]): Order | undefined {
  const options = {
    heads: { type: 'string' },
    since: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  try {
    const { values } = parseArgs({ args, options });
    return values.help ? undefined : { heads: values.heads, since: values.since };
  } catch (error) {
    throw new StartError(`${(error as Error).message}\n${USAGE}`);
  }
}

/** Reads a file of heads, and says what its digest is: it is worth as much as that is known from elsewhere. */
async function readHeads(file: string): Promise<ReadonlyMap<number, Head>> {
  const heads = new Map<number, Head>();
  const digest = createHash('sha256');
  const input = createReadStream(file);
  const failed = new Promise<never>((_resolve, reject) => input.once('error', reject));
  failed.catch(() => undefined);
  const read = async () => {
    let line = 0;
    for await (const text of createInterface({ input })) {
      line++;
      const head = fromHeadLine(text);
      if (!head) throw new StartError(`${file}:${line} is no head of a chain`);
      heads.set(head.accountId, head);
      digest.update(`${text}\n`);
    }
  };
  await Promise.race([read(), failed]).catch((error: NodeJS.ErrnoException) => {
    throw error instanceof StartError
      ? error
      : new StartError(`${file} cannot be read (${error.code ?? error.message})`);
  });
  process.stdout.write(`${file}: ${heads.size} chains, digest ${digest.digest('hex')}\n`);
  return heads;
}

async function auditDatabase(
  url: string,
  { heads, earlier }: { heads: string | undefined; earlier: ReadonlyMap<number, Head> | undefined },
  signal: AbortSignal,
): Promise<number> {
  const sql = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    application_name: 'hadiya audit',
  });
  sql.on('error', () => undefined); // A lost connection also fails the query that needs it.
  let file: FileHandle | undefined;
  try {
    await sql.connect();
    // All that is read is of one moment, whatever is written meanwhile.
    await sql.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    if (!(await hasChainedLedger(sql))) {
      throw new StartError('The database holds no ledger whose transfers are chained: start Hadiya on it first');
    }
    file = heads === undefined ? undefined : await createFile(heads);
    return await audit(sql, { file, earlier, signal });
  } catch (error) {
    if (signal.aborted) throw new StartError('Stopped. Nothing is known of what was not looked at');
    throw connectProblem(error, url) ?? error;
  } finally {
    await file?.close();
    await sql.end().catch(() => undefined);
  }
}

/** A new file: what was written down once is evidence, and is not overwritten. */
async function createFile(path: string): Promise<FileHandle> {
  return open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
    const reasons: Record<string, string> = {
      EEXIST: 'is there already',
      ENOENT: 'is in no directory',
      EACCES: 'may not be written',
    };
    throw new StartError(`${path} ${reasons[error.code ?? ''] ?? 'cannot be written'}`);
  });
}

async function audit(
  sql: pg.Client,
  options: { file: FileHandle | undefined; earlier: ReadonlyMap<number, Head> | undefined; signal: AbortSignal },
): Promise<number> {
  const { file, earlier, signal } = options;
  const startMs = performance.now();
  const bar = new SingleBar({ format: BAR, stream: process.stderr, hideCursor: true, clearOnComplete: true });
  const shown = { differences: 0 };
  let [seen, lines] = [0, ''];
  const flush = async () => {
    await file?.write(lines);
    lines = '';
  };
  // Where nobody watches, nothing is drawn.
  bar.start(await countTransfers(sql), 0, shown);
  try {
    const result = await auditLedger(sql, {
      signal,
      ...(earlier && { earlier }),
      onDifference: (difference) => {
        if (++shown.differences > DIFFERENCES_SHOWN_MAX) return;
        if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
        process.stdout.write(`${describe(difference)}\n`);
      },
      onProgress: (transfers) => {
        seen += transfers;
        bar.update(seen, shown);
      },
      ...(file && {
        onHead: async (head: Head) => {
          lines += toHeadLine(head);
          if (lines.length > LINES_LENGTH_MAX) await flush();
        },
      }),
    });
    await flush();
    bar.stop();
    const { differences, transfers, accounts, digest } = result;
    if (differences > DIFFERENCES_SHOWN_MAX) {
      process.stdout.write(`… and ${differences - DIFFERENCES_SHOWN_MAX} more\n`);
    }
    const seconds = (performance.now() - startMs) / 1000;
    const rate = Math.round(transfers / seconds);
    process.stdout.write(
      `${transfers} transfers of ${accounts} accounts in ${seconds.toFixed(1)} s (${rate}/s): ${differences === 0 ? 'all agrees' : `${differences} differences`}\ndigest ${digest}\n`,
    );
    return differences === 0 ? 0 : 1;
  } finally {
    bar.stop();
  }
}

/** Characters of heads that are kept before they are written. */
const LINES_LENGTH_MAX = 1024 * 1024;

const controller = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => controller.abort());

process.exitCode = await run(controller.signal).catch((error: unknown) => {
  // An operator's problem is one line, anything else comes with its stack.
  const text = error instanceof StartError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text}\n`);
  return 1;
});
