import { toGlobalId } from '../../src/graphql/global-id.ts';
import { startChild } from '../lib/child.ts';
import { seedStreams } from '../lib/seed.ts';
import type { BenchContext } from '../scenario.ts';
import type { FeedServer } from './arena.ts';
import type { FeedServerCommands, FeedServerReady } from './publish.ts';
import type { OurServerOptions } from './servers/ours.ts';

/** The window that a Hadiya has by default. */
export const WINDOW_MS = 20;

const PROGRAMS = {
  documented: new URL('./servers/documented.ts', import.meta.url),
  mercurius: new URL('../peers/mercurius.mjs', import.meta.url),
  rawWs: new URL('./servers/raw-ws.ts', import.meta.url),
  ours: new URL('./servers/ours.ts', import.meta.url),
};

/** One way to bring events to viewers. */
export type FeedVariant = { label: string; start: () => Promise<FeedServer> };

/** The variants, over the same streams. Each Hadiya has a database of its own, a copy of one that is seeded. */
export type FeedVariants = {
  /** Global ids. */
  streams: readonly string[];
  documented: FeedVariant;
  mercurius: FeedVariant;
  rawWs: FeedVariant;
  ours: (label: string, options: Omit<OurServerOptions, 'databaseUrl'>, database?: string) => FeedVariant;
  /** Drops the databases. The servers are stopped by then. */
  close: () => Promise<void>;
};

/** Seeds live streams. `name` keeps the databases of scenarios apart. */
export async function openFeedVariants(context: BenchContext, name: string, streams: number): Promise<FeedVariants> {
  const { postgres, signal, log } = context;
  const template = `${name}_template`;
  const databases = new Map<string, string>();
  const create = async (database: string, from?: string): Promise<string> => {
    const url = databases.get(database) ?? (await postgres.createDatabase(database, from));
    databases.set(database, url);
    return url;
  };
  const ids = await seedStreams(await create(template), streams, log);
  const start = (program: URL, argument?: unknown): Promise<FeedServer> =>
    startChild<FeedServerCommands, FeedServerReady>(program, { argument, signal });
  let copies = 0;
  return {
    streams: ids.map((id) => toGlobalId('LiveStream', id)),
    documented: { label: 'Yoga + graphql-ws as documented', start: () => start(PROGRAMS.documented) },
    mercurius: { label: 'mercurius + jit', start: () => start(PROGRAMS.mercurius) },
    rawWs: { label: 'raw `ws` broadcast, no GraphQL', start: () => start(PROGRAMS.rawWs) },
    ours: (label, options, database = `${name}_${++copies}`) => ({
      label,
      start: async () => start(PROGRAMS.ours, { ...options, databaseUrl: await create(database, template) }),
    }),
    close: async () => {
      for (const database of databases.keys()) await postgres.dropDatabase(database);
    },
  };
}
