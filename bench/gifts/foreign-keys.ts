import { readFile } from 'node:fs/promises';
import pg from 'pg';

const FOREIGN_KEYS = new URL('foreign-keys.sql', import.meta.url);

/** References as suits single rows best, see foreign-keys.sql: what the baselines need that write gifts themselves. */
export async function restoreForeignKeys(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(await readFile(FOREIGN_KEYS, 'utf8'));
  } finally {
    await client.end();
  }
}
