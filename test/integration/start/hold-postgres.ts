/** A process that owns an embedded Postgres until it is killed. Prints its URL, or the error. */
import { pino } from 'pino';
import { startEmbeddedPostgres } from '../../../src/db/embedded/index.ts';

const log = pino({ level: 'silent' });
/** Keeps the process alive, as Postgres by itself does not. */
const HOLD_MS = 600_000;

try {
  const postgres = await startEmbeddedPostgres({ dataDir: process.argv[2] ?? '', log });
  process.stdout.write(`${postgres.url}\n`);
  setTimeout(() => process.exit(2), HOLD_MS);
} catch (error) {
  process.stdout.write(`${(error as Error).message}\n`);
  process.exit(1);
}
