import { setTimeout as sleep } from 'node:timers/promises';
import { withClient } from '../lib/books.ts';
import { type Child, startChild } from '../lib/child.ts';
import type { Commands } from '../lib/commands.ts';
import { formatNumber, print } from '../lib/output.ts';
import { median } from '../lib/stats.ts';
import type { BuyerCommands, BuyersOptions, RaceReport } from '../purchases/buyers.api.ts';
import { checkShop, countBare, type Sold } from '../purchases/check.ts';
import { type SeededShop, type ShopSize, seedShop } from '../purchases/seed.ts';
import { signInBuyers } from '../purchases/sign-in.ts';
import type { Section } from '../report/section.ts';
import { spread } from '../report/spread.ts';
import type { BenchContext, Scenario } from '../scenario.ts';

const UNITS = 100;
const SIZE: ShopSize = {
  viewers: 2_001,
  merchants: 1,
  products: 1,
  variantsPerProduct: 1,
  stock: UNITS,
  offerUnits: UNITS,
};
const QUICK_SIZE: ShopSize = { ...SIZE, viewers: 301 };
const TEMPLATE = 'flash_sale_template';
const ROUND_DATABASE = 'flash_sale_round';
/** What pg takes if nobody asks for more. */
const POOL_SIZE = 10;
/** Lets Postgres come to rest before the race. */
const SETTLE_MS = 500;
/** After the last buyer has an answer, nothing may be on hold for longer. */
const SETTLED_MS_MAX = 30_000;
const SETTLED_POLL_MS = 50;
/** A server that nobody buys from for so long is not worth killing. */
const KILL_POLLS_MAX = 100_000;

const serverAt = (name: string) => new URL(`../purchases/servers/${name}.ts`, import.meta.url);
const BUYERS_PROGRAM = new URL('../purchases/buyers.ts', import.meta.url);

type Server = Child<Commands, { url: string }>;
type Variant = {
  label: string;
  server: URL;
  transport: BuyersOptions['transport'];
  /** Finds a row once the server is to be killed. */
  killWhen?: string;
};
const OURS = { server: serverAt('ours'), transport: 'http' } as const;
const VARIANTS = {
  readThenWrite: { label: 'read, then write: bare node:http', server: serverAt('read-then-write'), transport: 'bare' },
  oneCte: { label: 'one CTE: bare node:http, no payment', server: serverAt('one-cte'), transport: 'bare' },
  http: { label: 'ours, HTTP', ...OURS },
  ws: { label: 'ours, WebSocket', server: OURS.server, transport: 'ws' },
  killedHeld: {
    label: 'ours, killed when the first stock is held',
    ...OURS,
    killWhen: 'SELECT FROM checkout LIMIT 1',
  },
  killedCharged: {
    label: 'ours, killed at the first charge',
    ...OURS,
    killWhen: 'SELECT FROM sandbox_charge LIMIT 1',
  },
  killedPaid: {
    label: 'ours, killed at the first order',
    ...OURS,
    killWhen: "SELECT FROM checkout WHERE state = 'PAID' LIMIT 1",
  },
} satisfies Record<string, Variant>;
type VariantName = keyof typeof VARIANTS;
const VARIANT_NAMES = Object.keys(VARIANTS) as VariantName[];
const variantOf = (name: VariantName): Variant => VARIANTS[name];

type Round = Omit<RaceReport, 'acknowledged'> & Sold & { settledAfterKillMs: number };

/** Far more buyers than units, all at once; also with the server killed in the middle. */
export const flashSale: Scenario = {
  name: 'flash-sale',
  run: async (context) => {
    const { postgres, log, rounds, quick } = context;
    const shop = await seedShop(await postgres.createDatabase(TEMPLATE), quick ? QUICK_SIZE : SIZE, log);
    const results = Object.fromEntries(VARIANT_NAMES.map((name) => [name, []])) as unknown as Record<
      VariantName,
      Round[]
    >;
    try {
      const buyers = await signInBuyers(shop);
      for (let round = 1; round <= rounds; round++) {
        for (const name of VARIANT_NAMES) {
          const result = await runRound(context, name, shop, buyers);
          results[name].push(result);
          print(
            `round ${round}, ${VARIANTS[name].label}: ${result.orders} orders, ${result.oversold} oversold, ` +
              `sold out after ${formatNumber(result.lastBoughtMs)} ms`,
          );
        }
      }
    } finally {
      await postgres.dropDatabase(TEMPLATE);
    }
    return toSection(results, shop);
  },
};

async function runRound(
  { postgres, signal }: BenchContext,
  name: VariantName,
  shop: SeededShop,
  buyers: BuyersOptions['buyers'],
): Promise<Round> {
  const { server: program, transport, killWhen } = variantOf(name);
  const databaseUrl = await postgres.createDatabase(ROUND_DATABASE, TEMPLATE);
  const started: { stop: () => Promise<void> }[] = [];
  const start = async (port?: number): Promise<Server> => {
    const argument = { databaseUrl, poolSize: POOL_SIZE, port };
    const server = await startChild<Commands, { url: string }>(program, { argument, signal });
    started.push(server);
    return server;
  };
  try {
    const server = await start();
    const load = await startChild<BuyerCommands>(BUYERS_PROGRAM, { signal });
    started.push(load);
    const { streamId, offerId, offerPriceMinor, variants } = shop;
    const wares = [{ variantId: variants[0]!.id, offerId, priceMinor: offerPriceMinor }];
    await load.call('connect', { url: server.ready.url, transport, buyers, streamId, wares });
    await sleep(SETTLE_MS);
    const racing = load.call('race');
    const killedAt = killWhen ? await killAndRestart(databaseUrl, killWhen, server, start) : undefined;
    const { acknowledged, ...report } = await racing;
    if (transport !== 'bare') await untilNothingIsHeld(databaseUrl);
    const settledAfterKillMs = killedAt === undefined ? Number.NaN : Date.now() - killedAt;
    await Promise.all(started.map((process) => process.stop()));
    const sold =
      transport === 'bare' ? await countBare(databaseUrl, UNITS) : await checkShop(databaseUrl, shop, acknowledged);
    return { ...report, ...sold, settledAfterKillMs };
  } finally {
    await Promise.all(started.map((process) => process.stop()));
    await postgres.dropDatabase(ROUND_DATABASE);
  }
}

/** Kills the server in the middle, as a lost machine would, and starts another in its place. Returns when it was killed. */
async function killAndRestart(
  databaseUrl: string,
  killWhen: string,
  server: Server,
  start: (port: number) => Promise<Server>,
): Promise<number> {
  await withClient(databaseUrl, async (client) => {
    for (let poll = 0; poll < KILL_POLLS_MAX; poll++) {
      if ((await client.query(killWhen)).rowCount! > 0) return;
    }
    throw new Error('nobody has bought anything');
  });
  process.kill(server.pid, 'SIGKILL');
  const killedAt = Date.now();
  await server.ended;
  await start(Number(new URL(server.ready.url).port));
  return killedAt;
}

async function untilNothingIsHeld(databaseUrl: string): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    const endMs = performance.now() + SETTLED_MS_MAX;
    while ((await client.query("SELECT FROM checkout WHERE state = 'HELD' LIMIT 1")).rowCount! > 0) {
      if (performance.now() > endMs) throw new Error('stock is still on hold');
      await sleep(SETTLED_POLL_MS);
    }
  });
}

function toSection(results: Record<VariantName, Round[]>, { viewers }: SeededShop): Section {
  const buyers = viewers - 1;
  const cells = (name: VariantName): string[] => {
    const of = (value: (round: Round) => number, digits = 0): string => spread(results[name].map(value), digits);
    return [
      VARIANTS[name].label,
      of(({ orders }) => orders),
      // One server takes no payment.
      name === 'oneCte' ? '–' : of(({ charges }) => charges),
      of(({ oversold }) => oversold),
      name === 'oneCte' ? '–' : of(({ chargedLosers }) => chargedLosers),
      of(({ lastBoughtMs }) => lastBoughtMs),
      of(({ orders, lastBoughtMs }) => (orders * 1000) / lastBoughtMs),
      of(({ allEndedMs }) => allEndedMs),
      of(({ p50Ms }) => p50Ms),
      of(({ p99Ms }) => p99Ms),
      of(({ repeats }) => repeats),
      of(({ settledAfterKillMs }) => settledAfterKillMs),
    ];
  };
  const ours = VARIANT_NAMES.filter((name) => variantOf(name).transport !== 'bare').flatMap((name) => results[name]);
  const worst = (value: (round: Round) => number): number => Math.max(...ours.map(value));
  const answeredMs = (name: VariantName): number => median(results[name].map(({ allEndedMs }) => allEndedMs));
  const none = { wanted: 0, atMost: true, unit: '' };
  return {
    title: 'Flash sale',
    how:
      `${formatNumber(buyers)} signed-in buyers, each on a connection of their own that is open already, want one each of the last ${UNITS} units of an offer, all at once. Killed: SIGKILL of the server when the database shows ` +
      'the first held stock, the first charge or the first order; it is started again in its place, and the buyers repeat their calls with the same keys, half a second later, until they have an answer. Afterwards every ' +
      'rule of stock, offer, orders, charges, books and log is checked, and each purchase that was acknowledged. A buyer’s time is from their first attempt to their answer. “Settled” is from the kill until everybody has an ' +
      'answer and nothing is on hold any more, the start of the new server included. Read-then-write is what most shops start with: look whether there is stock, charge, take the stock, write the order.',
    tables: [
      {
        headings: [
          '',
          'orders',
          'charges',
          'oversold',
          'charged losers',
          'sold out after ms',
          'orders/s',
          'all answered after ms',
          'p50 ms',
          'p99 ms',
          'repeats',
          'settled after the kill ms',
        ],
        rows: VARIANT_NAMES.map(cells),
      },
    ],
    ratios: [
      {
        name: 'Flash sale, ours: units oversold in the worst round',
        value: worst(({ oversold }) => oversold),
        ...none,
      },
      {
        name: 'Flash sale, ours: charged losers in the worst round',
        value: worst(({ chargedLosers }) => chargedLosers),
        ...none,
      },
      {
        name: 'Flash sale, ours: orders that differ from the units in the worst round',
        value: worst(({ orders }) => Math.abs(orders - UNITS)),
        ...none,
      },
      {
        name: 'Flash sale, ours: charges that differ from the units in the worst round',
        value: worst(({ charges }) => Math.abs(charges - UNITS)),
        ...none,
      },
      {
        name: 'Flash sale: time until everybody has an answer, read-then-write / ours over HTTP',
        value: answeredMs('readThenWrite') / answeredMs('http'),
        wanted: 1,
      },
    ],
    charts: [],
  };
}
