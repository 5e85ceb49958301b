/** `npm run import -- file.csv --merchant souq`: imports a catalogue file. See README, "Importing a catalogue". */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { pino } from 'pino';
import { loadConfig } from '../src/config.ts';
import { connectDatabase, type Database } from '../src/db/database.ts';
import { findRunningPostgres } from '../src/db/embedded/index.ts';
import { startDatabase } from '../src/db/start-database.ts';
import { catalogRules } from '../src/domains/catalog/catalog.rules.ts';
import { checkEncoding } from '../src/domains/catalog/import/csv-records.ts';
import { CatalogueFileError } from '../src/domains/catalog/import/import.errors.ts';
import { importCatalogue } from '../src/domains/catalog/import/import.service.ts';
import { findMerchantByHandle, insertMerchant } from '../src/domains/catalog/merchants.repo.ts';
import { StartError } from '../src/kernel/start-error.ts';

const USAGE = `Usage: npm run import -- FILE.csv --merchant HANDLE [--draft]
       [--create-merchant NAME --kind BRAND|RETAIL_PARTNER [--verified]]

Into the database of DATABASE_URL, or the embedded one under DATA_DIR.
New products are for sale at once; with --draft they are not.`;

const BAR = '{bar} {percentage}% | {imported} rows imported, {refused} refused | {eta_formatted} left';

type Order = {
  file: string;
  merchant: string;
  draft: boolean;
  create: { name: string; kind: 'BRAND' | 'RETAIL_PARTNER'; verified: boolean } | undefined;
};

/** Imports a file and returns the exit code. */
async function run(signal: AbortSignal): Promise<number> {
  const order = readOrder(process.argv.slice(2));
  if (!order) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const size = await sizeOf(order.file);
  const { databaseUrl, dataDir, logLevel } = loadConfig(process.env);
  // What is logged at start is news to an operator of a server, not of an import.
  const log = pino({ level: logLevel === 'info' ? 'warn' : logLevel }, pino.destination(2));
  const url = databaseUrl ?? (await findRunningPostgres(dataDir, log));
  const database = await startDatabase({ databaseUrl: url, dataDir }, log, { signal });
  const db = connectDatabase(database.url, log);
  try {
    return await importFile(db, order, size, signal);
  } finally {
    await db.close();
    await database.close();
  }
}

/** @throws {StartError} when the command line is wrong. Undefined: it asks for help. */
function readOrder(args: string[]): Order | undefined {
  const options = {
    merchant: { type: 'string' },
    draft: { type: 'boolean', default: false },
    'create-merchant': { type: 'string' },
    kind: { type: 'string' },
    verified: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  const fail = (problem: string): never => {
    throw new StartError(`${problem}\n${USAGE}`);
  };
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    return fail((error as Error).message);
  }
  const { values, positionals } = parsed;
  if (values.help) return undefined;
  const [file] = positionals;
  const { merchant, kind, 'create-merchant': name } = values;
  if (file === undefined || positionals.length > 1) return fail('Name one file to import');
  if (merchant === undefined) return fail('Say whose catalogue it is: --merchant HANDLE');
  if (name === undefined) {
    if (kind !== undefined || values.verified) return fail('--kind and --verified go with --create-merchant');
    return { file, merchant, draft: values.draft, create: undefined };
  }
  if (kind !== 'BRAND' && kind !== 'RETAIL_PARTNER') return fail('--kind is BRAND or RETAIL_PARTNER');
  for (const [rule, value] of [
    [catalogRules.handle, merchant],
    [catalogRules.merchantName, name],
  ] as const) {
    const { error } = rule.safeParse(value);
    if (error) return fail(`${JSON.stringify(value)}: ${error.issues.map(({ message }) => message).join(' ')}`);
  }
  return { file, merchant, draft: values.draft, create: { name: name.trim(), kind, verified: values.verified } };
}

async function sizeOf(file: string): Promise<number> {
  try {
    const found = await stat(file);
    if (!found.isFile()) throw new StartError(`${file} is not a file`);
    return found.size;
  } catch (error) {
    if (error instanceof StartError) throw error;
    const reasons: Record<string, string> = { ENOENT: 'is not there', EACCES: 'may not be read' };
    throw new StartError(`${file} ${reasons[(error as NodeJS.ErrnoException).code ?? ''] ?? 'cannot be read'}`);
  }
}

async function importFile(db: Database, order: Order, size: number, signal: AbortSignal): Promise<number> {
  const label = basename(order.file);
  const report = (error: unknown): never => {
    throw error instanceof CatalogueFileError ? new StartError(`${label}:${error.line}: ${error.problem}`) : error;
  };
  await checkEncoding(createReadStream(order.file)).catch(report);
  const merchant = await findOrMakeMerchant(db, order);
  const bar = new SingleBar({ format: BAR, stream: process.stderr, hideCursor: true, clearOnComplete: true });
  const shown = { imported: 0, refused: 0 };
  // Where nobody watches, nothing is drawn.
  bar.start(size, 0, shown);
  const tell = (line: string) => {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    process.stderr.write(`${line}\n`);
  };
  let read = 0;
  async function* source(): AsyncGenerator<Buffer> {
    for await (const chunk of createReadStream(order.file)) {
      if (signal.aborted) throw new StartError('Stopped. What is imported stays; run it again to go on');
      yield chunk as Buffer;
      read += (chunk as Buffer).length;
      bar.update(read, shown);
    }
  }
  try {
    const { imported, refused } = await importCatalogue(db, {
      merchantId: merchant.id,
      source: source(),
      status: order.draft ? 'DRAFT' : 'PUBLISHED',
      onRefused: ({ line, problems }) => {
        shown.refused++;
        tell(`${label}:${line}: ${problems.join('; ')}`);
      },
      onProgress: (rows) => {
        shown.imported += rows;
        bar.update(read, shown);
      },
    });
    bar.stop();
    const others = refused === 0 ? '' : `, ${refused} refused: mend them and run it again`;
    process.stdout.write(`${imported} rows imported for ${merchant.name}${others}\n`);
    return refused === 0 ? 0 : 1;
  } catch (error) {
    bar.stop();
    return report(error);
  }
}

async function findOrMakeMerchant(db: Database, { merchant: handle, create }: Order) {
  const made = create && (await insertMerchant(db.pool, { handle, ...create }));
  const merchant = made ?? (await findMerchantByHandle(db.pool, handle));
  if (!merchant) {
    throw new StartError(`There is no merchant "${handle}": add --create-merchant NAME --kind BRAND to make it`);
  }
  return merchant;
}

const controller = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => controller.abort());

process.exitCode = await run(controller.signal).catch((error: unknown) => {
  // An operator's problem is one line, anything else comes with its stack.
  const text = error instanceof StartError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text}\n`);
  return 1;
});
