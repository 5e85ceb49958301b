import type { AuditCommands, AuditCost } from '../audit/run.ts';
import { type LedgerSize, seedLedger } from '../audit/seed.ts';
import { VARIANTS, type VariantName } from '../audit/variants.ts';
import { startChild } from '../lib/child.ts';
import { formatNumber, print } from '../lib/output.ts';
import type { Section } from '../report/section.ts';
import { medianOf, spread } from '../report/spread.ts';
import type { BenchContext, Scenario } from '../scenario.ts';

const SIZE: LedgerSize = { viewers: 20_000, creators: 200, transfers: 2_000_000 };
const QUICK_SIZE: LedgerSize = { viewers: 1_000, creators: 20, transfers: 20_000 };
const DATABASE = 'audit';
const RUN = new URL('../audit/run.ts', import.meta.url);
const NAMES = Object.keys(VARIANTS) as VariantName[];
/** Transfers a second that an audit is to look at. */
const RATE_WANTED = 100_000;

/** Verifying the chain of a large ledger. */
export const audit: Scenario = {
  name: 'audit',
  run: async (context) => {
    const { postgres, quick, rounds, signal } = context;
    const size = quick ? QUICK_SIZE : SIZE;
    const databaseUrl = await postgres.createDatabase(DATABASE);
    try {
      const startMs = performance.now();
      const transfers = await seedLedger(databaseUrl, size, signal);
      const seedSeconds = (performance.now() - startMs) / 1000;
      const costs = Object.fromEntries(NAMES.map((name) => [name, [] as AuditCost[]])) as Record<
        VariantName,
        AuditCost[]
      >;
      for (let round = 1; round <= rounds; round++) {
        for (const name of NAMES) costs[name].push(await measure(name, databaseUrl, context));
      }
      return toSection(costs, { ...size, transfers }, seedSeconds);
    } finally {
      await postgres.dropDatabase(DATABASE);
    }
  },
};

async function measure(name: VariantName, databaseUrl: string, { signal }: BenchContext): Promise<AuditCost> {
  const child = await startChild<AuditCommands>(RUN, { argument: { databaseUrl }, signal });
  try {
    const cost = await child.call('audit', name);
    if (cost.differences !== 0) throw new Error(`${name} finds ${cost.differences} differences in an honest ledger`);
    print(`${name}: ${cost.seconds.toFixed(1)} s, ${cost.rssMaxMb.toFixed(0)} MB`);
    return cost;
  } finally {
    await child.stop();
  }
}

function toSection(costs: Record<VariantName, AuditCost[]>, size: LedgerSize, seedSeconds: number): Section {
  const rate = (name: VariantName) => medianOf(costs[name], ({ seconds }) => size.transfers / seconds);
  return {
    title: 'Audit of the ledger',
    how:
      `${formatNumber(size.transfers)} transfers of ${formatNumber(size.viewers)} wallets and ${size.creators} creators, written by \`wallet_post\` in batches (${formatNumber(size.transfers / seedSeconds)} transfers/s with one connection), so that the chain is real. ` +
      'Each way to check them runs in a process of its own, in turns, on a warm cache. Memory is the largest resident set of that process; what Postgres takes for its sorts is not in it. All find no difference, or the run fails.',
    tables: [
      {
        headings: ['', 'transfers/s', 'seconds', 'process MB'],
        rows: NAMES.map((name) => [
          VARIANTS[name].label,
          spread(costs[name].map(({ seconds }) => size.transfers / seconds)),
          spread(
            costs[name].map(({ seconds }) => seconds),
            1,
          ),
          spread(costs[name].map(({ rssMaxMb }) => rssMaxMb)),
        ]),
      },
    ],
    ratios: [
      { name: 'Audit: transfers verified a second', value: rate('chain'), wanted: RATE_WANTED, unit: '/s' },
      { name: 'Audit: streamed / one SQL statement', value: rate('chain') / rate('sqlChain'), wanted: 1 },
    ],
    charts: [],
  };
}
