import { setTimeout as sleep } from 'node:timers/promises';
import { startChild } from '../lib/child.ts';
import type { usageCommands } from '../lib/commands.ts';
import { watchPostgresCpu } from '../lib/cpu.ts';
import { formatNumber, print } from '../lib/output.ts';
import type { Buyer, BuyerCommands, RunOptions, RunReport, Ware } from '../purchases/buyers.api.ts';
import { checkShop, countBare } from '../purchases/check.ts';
import { type SeededShop, type ShopSize, seedShop } from '../purchases/seed.ts';
import { signInBuyers } from '../purchases/sign-in.ts';
import type { Section } from '../report/section.ts';
import { medianOf, spread } from '../report/spread.ts';
import type { BenchContext, Scenario } from '../scenario.ts';

const SIZE: ShopSize = {
  viewers: 2_001,
  merchants: 20,
  products: 1_000,
  variantsPerProduct: 1,
  stock: 1_000_000,
  offerUnits: 1_000_000,
};
/** The first viewer is the creator, and buys nothing. */
const BUYERS = SIZE.viewers - 1;
/** A flash sale: hundreds press the button at once, and group commit lives from that. */
const CALLERS = 512;
const MEASURE_MS = 6_000;
const WARM_UP_MS = 5_000;
const QUICK_MS = 1_500;
/** Lets Postgres come to rest before the clock starts. */
const SETTLE_MS = 200;
const TEMPLATE = 'purchases_template';
const ROUND_DATABASE = 'purchases_round';
/** Pool sizes of which each bare server is given its best. */
const POOL_SIZES = [4, 8, 16, 32];
const TUNE_MS = { warmUp: 1_000, measure: 2_000 };

const serverAt = (name: string) => new URL(`../purchases/servers/${name}.ts`, import.meta.url);
const BUYERS_PROGRAM = new URL('../purchases/buyers.ts', import.meta.url);

type VariantName = 'readThenWrite' | 'oneCte' | 'http' | 'ws';
const VARIANTS: Record<VariantName, { label: string; server: URL; transport: RunOptions['transport'] }> = {
  readThenWrite: { label: 'read, then write: bare node:http', server: serverAt('read-then-write'), transport: 'bare' },
  oneCte: { label: 'one CTE a purchase: bare node:http', server: serverAt('one-cte'), transport: 'bare' },
  http: { label: 'ours, HTTP', server: serverAt('ours'), transport: 'http' },
  ws: { label: 'ours, WebSocket', server: serverAt('ours'), transport: 'ws' },
};
const VARIANT_NAMES = Object.keys(VARIANTS) as VariantName[];
const isBare = (name: VariantName) => VARIANTS[name].transport === 'bare';

type WorkloadName = 'hot' | 'spread';
const WORKLOADS: Record<WorkloadName, { label: string; wares: (shop: SeededShop) => Ware[] }> = {
  hot: {
    label: 'One offer',
    wares: ({ variants, offerId, offerPriceMinor }) => [
      { variantId: variants[0]!.id, offerId, priceMinor: offerPriceMinor },
    ],
  },
  spread: {
    label: `${formatNumber(SIZE.products)} variants`,
    wares: ({ variants }) => variants.map(({ id, priceMinor }) => ({ variantId: id, priceMinor })),
  },
};
const WORKLOAD_NAMES = Object.keys(WORKLOADS) as WorkloadName[];

type Round = Omit<RunReport, 'acknowledged'> & { serverUs: number; postgresUs: number };
type Results = Record<WorkloadName, Record<VariantName, Round[]>>;
type PoolSizes = Record<WorkloadName, number>;

/** Purchases a second, while there is stock. */
export const purchases: Scenario = {
  name: 'purchases',
  run: async (context) => {
    const { postgres, log, rounds, quick } = context;
    const shop = await seedShop(await postgres.createDatabase(TEMPLATE), SIZE, log);
    try {
      const buyers = await signInBuyers(shop);
      const bench = { context, shop, buyers };
      const poolSizes = quick ? { hot: 8, spread: 16 } : await tunePools(bench);
      const results = Object.fromEntries(
        WORKLOAD_NAMES.map((workload) => [workload, Object.fromEntries(VARIANT_NAMES.map((name) => [name, []]))]),
      ) as unknown as Results;
      for (let round = 1; round <= rounds; round++) {
        for (const workload of WORKLOAD_NAMES) {
          for (const name of VARIANT_NAMES) {
            const result = await runRound(bench, name, workload, { poolSize: poolSizes[workload] });
            results[workload][name].push(result);
            const rate = formatNumber(result.purchasesPerSecond);
            print(
              `round ${round}, ${WORKLOADS[workload].label}, ${VARIANTS[name].label}: ${rate} purchases/s, checked`,
            );
          }
        }
      }
      return toSection(results, poolSizes);
    } finally {
      await postgres.dropDatabase(TEMPLATE);
    }
  },
};

type Bench = { context: BenchContext; shop: SeededShop; buyers: Buyer[] };

/** The best pool of the one-CTE server, for each workload. The other bare server gets it too. */
async function tunePools(bench: Bench): Promise<PoolSizes> {
  const best = { hot: POOL_SIZES[0]!, spread: POOL_SIZES[0]! };
  for (const workload of WORKLOAD_NAMES) {
    let bestRate = 0;
    for (const poolSize of POOL_SIZES) {
      const { purchasesPerSecond } = await runRound(bench, 'oneCte', workload, { poolSize, isTuning: true });
      print(
        `${WORKLOADS[workload].label}, one CTE, pool of ${poolSize}: ${formatNumber(purchasesPerSecond)} purchases/s`,
      );
      if (purchasesPerSecond <= bestRate) continue;
      bestRate = purchasesPerSecond;
      best[workload] = poolSize;
    }
  }
  return best;
}

/** A round has a database, a server and a load process of its own. */
async function runRound(
  { context: { postgres, signal, quick }, shop, buyers }: Bench,
  name: VariantName,
  workload: WorkloadName,
  { poolSize, isTuning = false }: { poolSize: number; isTuning?: boolean },
): Promise<Round> {
  const { server: program, transport } = VARIANTS[name];
  const databaseUrl = await postgres.createDatabase(ROUND_DATABASE, TEMPLATE);
  const started: { stop: () => Promise<void> }[] = [];
  try {
    await sleep(SETTLE_MS);
    const argument = { databaseUrl, poolSize };
    const server = await startChild<ReturnType<typeof usageCommands>, { url: string }>(program, { argument, signal });
    started.push(server);
    const load = await startChild<BuyerCommands>(BUYERS_PROGRAM, { signal });
    started.push(load);
    const postgresCpuMs = await watchPostgresCpu(databaseUrl);
    const wares = WORKLOADS[workload].wares(shop);
    await server.call('begin');
    const postgresBeforeMs = postgresCpuMs();
    const { acknowledged, ...report } = await load.call('run', {
      ...{ url: server.ready.url, transport, buyers, streamId: shop.streamId, wares, callers: CALLERS },
      warmUpMs: quick ? QUICK_MS : isTuning ? TUNE_MS.warmUp : WARM_UP_MS,
      durationMs: quick ? QUICK_MS : isTuning ? TUNE_MS.measure : MEASURE_MS,
    });
    const { userMs, systemMs } = await server.call('end');
    const postgresMs = postgresCpuMs() - postgresBeforeMs;
    await Promise.all(started.map((process) => process.stop()));
    if (!isBare(name)) await checkShop(databaseUrl, shop, acknowledged);
    else if ((await countBare(databaseUrl, shop.offerUnits)).orders !== acknowledged.length) {
      throw new Error(`${VARIANTS[name].label} has lost orders`);
    }
    const perPurchaseUs = (ms: number) => (ms * 1000) / acknowledged.length;
    return { ...report, serverUs: perPurchaseUs(userMs + systemMs), postgresUs: perPurchaseUs(postgresMs) };
  } finally {
    await Promise.all(started.map((process) => process.stop()));
    await postgres.dropDatabase(ROUND_DATABASE);
  }
}

function toSection(results: Results, poolSizes: PoolSizes): Section {
  const rate = (workload: WorkloadName, name: VariantName): number =>
    medianOf(results[workload][name], (round) => round.purchasesPerSecond);
  const cells = (workload: WorkloadName, name: VariantName): string[] => {
    const of = (value: (round: Round) => number, digits = 0): string =>
      spread(results[workload][name].map(value), digits);
    return [
      VARIANTS[name].label,
      of((round) => round.purchasesPerSecond),
      of((round) => round.p50Ms, 1),
      of((round) => round.p99Ms, 1),
      of((round) => round.serverUs),
      of((round) => round.postgresUs),
      `${of((round) => round.clientCpuShare * 100)} %`,
    ];
  };
  return {
    title: 'Purchases',
    how:
      `${CALLERS} callers buy one unit after the other, in the name of ${formatNumber(BUYERS)} buyers, with enough in stock: all from one offer, as in a flash sale, or each a random one of ` +
      `${formatNumber(SIZE.products)} variants of ${SIZE.merchants} merchants. Ours is the whole of \`buyNow\` through GraphQL: a token of the buyer, price lock, stock hold, a charge at the sandbox ` +
      '(which keeps books of its own in the same Postgres), order, timeline, ledger, shipment, idempotency key and an event in the stream’s log. The bare servers are node:http and pg with a tuned pool ' +
      `(${poolSizes.hot} and ${poolSizes.spread} connections, the best of ${POOL_SIZES.join(', ')}), without a user, a payment, books, keys or events: one has one statement a purchase that takes the stock if there is some and ` +
      'writes the order; the other looks first, charges (a row), then takes the stock and writes the order in a transaction. A fresh server and a fresh copy of the database for each round, fsync on. Afterwards every ' +
      'rule of stock, orders, charges, books and log is checked, and each purchase that was acknowledged. CPU is of the whole round, the warm-up included.',
    tables: WORKLOAD_NAMES.map((workload) => ({
      title: WORKLOADS[workload].label,
      headings: ['', 'purchases/s', 'p50 ms', 'p99 ms', 'server CPU µs each', 'Postgres CPU µs each', 'clients’ CPU'],
      rows: VARIANT_NAMES.map((name) => cells(workload, name)),
    })),
    ratios: WORKLOAD_NAMES.flatMap((workload) =>
      (['http', 'ws'] as const).map((name) => ({
        name: `Purchases/s, ${WORKLOADS[workload].label.toLowerCase()}: ${VARIANTS[name].label} / one CTE`,
        value: rate(workload, name) / rate(workload, 'oneCte'),
        wanted: 1,
      })),
    ),
    charts: [],
  };
}
