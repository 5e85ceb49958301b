import { type Child, startChild } from '../lib/child.ts';
import { watchPostgresCpu } from '../lib/cpu.ts';
import { formatNumber, print } from '../lib/output.ts';
import type { LoadCommands } from '../reads/load.api.ts';
import { ask, CONNECTIONS, type Cost, checkPage, measurePage, requestOf } from '../reads/measure.ts';
import { NEWEST_STREAM, type ReadsSize, readsPages } from '../reads/pages.ts';
import { seedReads } from '../reads/seed.ts';
import { findNode, type ReadsServer, startVariant, VARIANTS, type VariantName } from '../reads/variants.ts';
import type { Section } from '../report/section.ts';
import { medianOf, spread } from '../report/spread.ts';
import type { BenchContext, Scenario } from '../scenario.ts';

const SIZE: ReadsSize = { creators: 20_000, liveStreams: 2_000, endedStreams: 100_000 };
const QUICK_SIZE: ReadsSize = { creators: 2_000, liveStreams: 200, endedStreams: 2_000 };
const MEASURE_MS = 3_000;
const WARM_UP_MS = 2_000;
const QUICK_MS = 500;
const DATABASE = 'reads';

/** Costs by page and variant. */
type Results = Map<string, Map<VariantName, Cost[]>>;

/** CPU per request of the hot public pages, of all variants. */
export const reads: Scenario = {
  name: 'reads',
  run: async (context) => {
    const { postgres, log, signal, quick } = context;
    const size = quick ? QUICK_SIZE : SIZE;
    const databaseUrl = await postgres.createDatabase(DATABASE);
    const execPath = findNode();
    const servers = new Map<VariantName, ReadsServer>();
    const load = await startChild<LoadCommands>(new URL('../reads/load.ts', import.meta.url), { signal });
    try {
      await seedReads(databaseUrl, size, log);
      for (const name of Object.keys(VARIANTS) as VariantName[]) {
        servers.set(name, await startVariant(name, databaseUrl, { execPath, signal }));
      }
      const results = await measureAll(servers, load, databaseUrl, context);
      return toSection(results, size, context);
    } finally {
      await Promise.all([load.stop(), ...[...servers.values()].map((server) => server.stop())]);
      await postgres.dropDatabase(DATABASE);
    }
  },
};

async function measureAll(
  servers: ReadonlyMap<VariantName, ReadsServer>,
  load: Child<LoadCommands>,
  databaseUrl: string,
  { quick, rounds, signal }: BenchContext,
): Promise<Results> {
  const postgresCpuMs = await watchPostgresCpu(databaseUrl);
  const pages = readsPages(await findNewestStream(servers));
  const results: Results = new Map();
  for (const page of pages) {
    await checkPage(page, servers);
    const costs = new Map<VariantName, Cost[]>([...servers.keys()].map((name) => [name, []]));
    results.set(page.name, costs);
    // The first pass only warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const [name, server] of servers) {
        signal.throwIfAborted();
        const durationMs = quick ? QUICK_MS : round === 0 ? WARM_UP_MS : MEASURE_MS;
        const cost = await measurePage(server, requestOf(page, name), { load, postgresCpuMs, durationMs });
        if (round === 0) continue;
        costs.get(name)!.push(cost);
        print(`${page.name}, round ${round}, ${VARIANTS[name]}: ${formatNumber(cost.totalMs, 3)} ms of CPU`);
      }
    }
  }
  return results;
}

async function findNewestStream(servers: ReadonlyMap<VariantName, ReadsServer>) {
  type Newest = Record<string, { edges: { node: { id: string } }[] }>;
  const newest = async (name: VariantName, query: string): Promise<string> => {
    const data = (await ask(servers.get(name)!.ready.url, { query })) as Newest;
    return Object.values(data)[0]!.edges[0]!.node.id;
  };
  return {
    ours: await newest('ours', NEWEST_STREAM.ours),
    postgraphile: await newest('postgraphile', NEWEST_STREAM.postgraphile),
  };
}

function toSection(results: Results, size: ReadsSize, { peers }: BenchContext): Section {
  const total = (page: string, variant: VariantName): number =>
    medianOf(results.get(page)!.get(variant)!, ({ totalMs }) => totalMs);
  const pages = [...results.keys()];
  return {
    title: 'Reads: the hot public pages',
    how: `CPU per request: of the server’s process and of Postgres, from /proc. ${CONNECTIONS} keep-alive connections of a load in a
process of its own send the same request over and over. ${formatNumber(size.creators)} creators, ${formatNumber(size.liveStreams)} live streams,
${formatNumber(size.endedStreams)} ended ones. All servers have pools of the same size, run on the same Node, and were seen to show the same on each
page. The Prisma plugin’s version is what these pages were before, behind Yoga as it comes; PostGraphile ${peers.postgraphile} serves the same tables
through its own schema. The ratios are without the response cache; but nothing starts or ends meanwhile, so ours counts only every few seconds what the
others count for each request.`,
    tables: pages.map((page) => ({
      title: `A page of ${page}`,
      headings: ['', 'server ms', 'Postgres ms', 'together ms', 'requests/s', 'p99 ms'],
      rows: [...results.get(page)!].map(([name, costs]) => [
        VARIANTS[name],
        spread(
          costs.map(({ serverMs }) => serverMs),
          3,
        ),
        spread(
          costs.map(({ postgresMs }) => postgresMs),
          3,
        ),
        spread(
          costs.map(({ totalMs }) => totalMs),
          3,
        ),
        spread(costs.map(({ requestsPerSecond }) => requestsPerSecond)),
        spread(
          costs.map(({ p99Ms }) => p99Ms),
          1,
        ),
      ]),
    })),
    ratios: pages.flatMap((page) => [
      {
        name: `${page}: CPU, ours / PostGraphile`,
        value: total(page, 'ours') / total(page, 'postgraphile'),
        wanted: 0.9,
        atMost: true,
      },
      {
        name: `${page}: CPU, Prisma plugin / ours`,
        value: total(page, 'prismaPlugin') / total(page, 'ours'),
        wanted: 3,
      },
    ]),
    charts: [],
  };
}
