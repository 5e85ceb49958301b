import { isDeepStrictEqual } from 'node:util';
import { type Child, startChild } from '../lib/child.ts';
import { signToken } from '../lib/config.ts';
import { watchPostgresCpu } from '../lib/cpu.ts';
import { formatNumber, print } from '../lib/output.ts';
import { PRODUCTS_DOCUMENT, type ProductsAnswer, shownOn } from '../product-list/page.ts';
import { type ShopSize, seedShop } from '../purchases/seed.ts';
import type { LoadCommands } from '../reads/load.api.ts';
import { ask, CONNECTIONS, type Cost, measurePage } from '../reads/measure.ts';
import type { Section } from '../report/section.ts';
import { medianOf, spread } from '../report/spread.ts';
import type { BenchContext, Scenario } from '../scenario.ts';

const SIZE: ShopSize = {
  viewers: 10,
  merchants: 50,
  products: 5_000,
  variantsPerProduct: 3,
  stock: 1_000,
  offerUnits: 100,
};
const QUICK_SIZE: ShopSize = { ...SIZE, products: 500 };
/** Products on the page that is loaded. */
const PAGE_SIZE = 20;
/** Pages whose SQL statements are counted. */
const COUNTED_PAGE_SIZES = [2, 20, 100] as const;
/** The server also does other things now and then: of so many counts the smallest is that of the page alone. */
const COUNTS = 9;
const MEASURE_MS = 3_000;
const WARM_UP_MS = 2_000;
const QUICK_MS = 500;
const DATABASE = 'product_list';
const SIGNED_IN_AS = 'bench:2';

const VARIANTS = {
  prisma: 'Yoga + Prisma `findMany` with includes',
  ours: 'ours, no response cache',
  flatSql: 'one SQL statement over bare node:http, nobody signed in',
} as const;
type VariantName = keyof typeof VARIANTS;
const VARIANT_NAMES = Object.keys(VARIANTS) as VariantName[];
const PROGRAMS: Record<VariantName, string> = { prisma: 'prisma', ours: 'ours', flatSql: 'flat-sql' };
const LOAD = new URL('../reads/load.ts', import.meta.url);

type ServerCommands = { statements: () => number };
type Server = Child<ServerCommands, { url: string }>;
type Servers = Record<VariantName, Server>;

const pageOf = (first: number) => ({ query: PRODUCTS_DOCUMENT, variables: { first } });

/** A list of products with all that a buyer wants to see of them. */
export const productList: Scenario = {
  name: 'product-list',
  run: async (context) => {
    const { postgres, log, signal, quick } = context;
    const databaseUrl = await postgres.createDatabase(DATABASE);
    const started: { stop: () => Promise<void> }[] = [];
    try {
      const size = quick ? QUICK_SIZE : SIZE;
      await seedShop(databaseUrl, size, log);
      const start = async (name: VariantName): Promise<Server> => {
        const program = new URL(`../product-list/servers/${PROGRAMS[name]}.ts`, import.meta.url);
        const server = await startChild<ServerCommands, { url: string }>(program, {
          argument: { databaseUrl },
          signal,
        });
        started.push(server);
        return server;
      };
      const servers = { prisma: await start('prisma'), ours: await start('ours'), flatSql: await start('flatSql') };
      const load = await startChild<LoadCommands>(LOAD, { signal });
      started.push(load);
      const token = await signToken(SIGNED_IN_AS);
      await checkPages(servers, token);
      const statements = await countStatements(servers.ours, token);
      const costs = await measureAll(servers, load, { databaseUrl, token, context });
      return toSection(costs, statements, size);
    } finally {
      await Promise.all(started.map((process) => process.stop()));
      await postgres.dropDatabase(DATABASE);
    }
  },
};

/** @throws when two servers do not show the same */
async function checkPages(servers: Servers, token: string): Promise<void> {
  const pages = await Promise.all(
    VARIANT_NAMES.map(async (name) => ({
      name,
      shown: shownOn((await ask(servers[name].ready.url, pageOf(PAGE_SIZE), token)) as ProductsAnswer),
    })),
  );
  const [first, ...others] = pages;
  if (first!.shown.length !== PAGE_SIZE) throw new Error('the page is not full');
  for (const other of others) {
    if (isDeepStrictEqual(other.shown, first!.shown)) continue;
    const [one, two] = [first!, other].map(({ name, shown }) => `${name} shows ${JSON.stringify(shown[0])}`);
    throw new Error(`${one}, ${two}`);
  }
}

/** How many statements our server sends for pages of each size. What it keeps between requests is there by then. */
async function countStatements(server: Server, token: string): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  await ask(server.ready.url, pageOf(Math.max(...COUNTED_PAGE_SIZES)), token);
  for (const first of COUNTED_PAGE_SIZES) {
    const counted: number[] = [];
    for (let attempt = 0; attempt < COUNTS; attempt++) {
      await server.call('statements');
      await ask(server.ready.url, pageOf(first), token);
      counted.push(await server.call('statements'));
    }
    counts.set(first, Math.min(...counted));
  }
  return counts;
}

async function measureAll(
  servers: Servers,
  load: Child<LoadCommands>,
  {
    databaseUrl,
    token,
    context: { quick, rounds, signal },
  }: { databaseUrl: string; token: string; context: BenchContext },
): Promise<Record<VariantName, Cost[]>> {
  const postgresCpuMs = await watchPostgresCpu(databaseUrl);
  const costs: Record<VariantName, Cost[]> = { prisma: [], ours: [], flatSql: [] };
  // The first pass only warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const name of VARIANT_NAMES) {
      signal.throwIfAborted();
      const durationMs = quick ? QUICK_MS : round === 0 ? WARM_UP_MS : MEASURE_MS;
      const cost = await measurePage(servers[name], pageOf(PAGE_SIZE), { load, postgresCpuMs, durationMs, token });
      if (round === 0) continue;
      costs[name].push(cost);
      print(`round ${round}, ${VARIANTS[name]}: ${formatNumber(cost.requestsPerSecond)} requests/s`);
    }
  }
  return costs;
}

function toSection(
  costs: Record<VariantName, Cost[]>,
  statements: ReadonlyMap<number, number>,
  size: ShopSize,
): Section {
  const total = (name: VariantName): number => medianOf(costs[name], ({ totalMs }) => totalMs);
  const [smallest, , largest] = COUNTED_PAGE_SIZES;
  return {
    title: 'A list of products',
    how:
      `The ${PAGE_SIZE} newest of ${formatNumber(size.products)} products of ${size.merchants} merchants, each with its merchant, ${size.variantsPerProduct} variants with price and stock, and its trust card (verification, dispute ` +
      `rate, delivery promise, lowest price in 30 days), for a client that is signed in, so nothing is cached. ${CONNECTIONS} keep-alive connections send the same request over and over. CPU per request is that of the server’s process and of Postgres, from /proc. ` +
      'All servers were seen to show the same. There are no orders yet, so dispute rates cost the others nothing; ours keeps a merchant’s for a minute. SQL statements are counted by the server for pages of each size.',
    tables: [
      {
        headings: ['', 'requests/s', 'server ms', 'Postgres ms', 'together ms', 'p99 ms'],
        rows: VARIANT_NAMES.map((name) => {
          const of = (value: (cost: Cost) => number, digits: number): string => spread(costs[name].map(value), digits);
          return [
            VARIANTS[name],
            of(({ requestsPerSecond }) => requestsPerSecond, 0),
            of(({ serverMs }) => serverMs, 3),
            of(({ postgresMs }) => postgresMs, 3),
            of(({ totalMs }) => totalMs, 3),
            of(({ p99Ms }) => p99Ms, 1),
          ];
        }),
      },
      {
        title: 'SQL statements of ours',
        headings: ['products on the page', ...COUNTED_PAGE_SIZES.map(String)],
        rows: [['statements', ...COUNTED_PAGE_SIZES.map((first) => String(statements.get(first)))]],
      },
    ],
    ratios: [
      {
        name: `Product list: SQL statements, ${largest} products / ${smallest}`,
        value: statements.get(largest)! / statements.get(smallest)!,
        wanted: 1,
        atMost: true,
      },
      { name: 'Product list: CPU, Prisma / ours', value: total('prisma') / total('ours'), wanted: 3 },
    ],
    charts: [],
  };
}
