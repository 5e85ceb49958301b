import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Logger } from 'pino';
import { startEmbeddedPostgres } from '../../src/db/embedded/index.ts';

/** A private Postgres with production settings, fsync included, and any number of databases in it. */
export type BenchServer = {
  version: string;
  /** Makes a database, empty or as a copy of another that nobody is connected to, and returns its URL. */
  createDatabase: (name: string, template?: string) => Promise<string>;
  dropDatabase: (name: string) => Promise<void>;
  urlOf: (name: string) => string;
  /** Stops it and removes its files. May be called again. */
  stop: () => Promise<void>;
};

/** How often the files of a Postgres that is still stopping are removed before what is left stays. */
const EXIT_REMOVE_ATTEMPTS_MAX = 5;

/** Starts a Postgres in a directory of its own. Both are gone when the process ends, however it ends, `kill -9` excepted. */
export async function startBenchServer(log: Logger, signal: AbortSignal): Promise<BenchServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hadiya-bench-'));
  const remove = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  try {
    const embedded = await startEmbeddedPostgres({ dataDir, log, signal });
    // An exit has no time to wait: Postgres gets the signal to stop, and loses its files on the way.
    const stopAtExit = (): void => {
      void embedded.stop();
      rmSync(dataDir, { recursive: true, force: true, maxRetries: EXIT_REMOVE_ATTEMPTS_MAX });
    };
    process.once('exit', stopAtExit);
    const stop = async (): Promise<void> => {
      await embedded.stop().finally(remove);
      process.removeListener('exit', stopAtExit);
    };
    try {
      const version = await run(embedded.url, 'SHOW server_version');
      return { version, stop, ...databasesOf(embedded.url) };
    } catch (error) {
      await stop();
      throw error;
    }
  } catch (error) {
    await remove();
    throw error;
  }
}

function databasesOf(serverUrl: string): Pick<BenchServer, 'createDatabase' | 'dropDatabase' | 'urlOf'> {
  const urlOf = (name: string): string => {
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    return url.href;
  };
  return {
    urlOf,
    createDatabase: async (name, template = 'template1') => {
      await run(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`);
      // What an earlier round has left to be written must not be written during the next.
      await run(serverUrl, 'CHECKPOINT');
      return urlOf(name);
    },
    dropDatabase: async (name) => {
      await run(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

/** Runs one statement on a connection of its own and returns the first value, if any. */
async function run(url: string, text: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<[string]>({ text, rowMode: 'array' });
    return rows?.[0]?.[0] ?? '';
  } finally {
    await client.end();
  }
}
