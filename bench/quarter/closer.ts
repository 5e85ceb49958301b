/** Rolls up and closes a quarter in a process of its own, whose memory is that of nothing else. See `closer.api.ts`. */
import { pino } from 'pino';
import { connectDatabase } from '../../src/db/database.ts';
import { daysOf } from '../../src/domains/reports/quarters.ts';
import { rollDay } from '../../src/domains/reports/reports.repo.ts';
import { Reports } from '../../src/domains/reports/reports.service.ts';
import { readArgument, serveCommands } from '../lib/commands.ts';
import { asActor } from '../lib/services.ts';
import type { CloserCommands, Took } from './closer.api.ts';
import { QUARTER } from './seed.ts';

const log = pino({ level: 'error' });
const db = connectDatabase(readArgument<string>(), log);
const reports = new Reports({ db, log });
/** The first viewer closes it. */
const operator = { ...asActor({ id: 1n, handle: 'operator', displayName: 'Operator' }), isOperator: true };

async function time<Result>(work: () => Promise<Result>): Promise<Took & { result: Result }> {
  const startMs = performance.now();
  const result = await work();
  const seconds = (performance.now() - startMs) / 1_000;
  return { seconds, nodeBytes: process.resourceUsage().maxRSS * 1_024, result };
}

serveCommands({
  rollUp: async () => {
    const { result: _, ...took } = await time(async () => {
      for (const day of daysOf(QUARTER)) await rollDay(db.pool, day);
    });
    return took;
  },
  read: async () => {
    const { result: _, ...took } = await time(() => reports.report(operator, QUARTER));
    return took;
  },
  close: async () => {
    const { result, ...took } = await time(() => reports.closeQuarter(operator, QUARTER));
    const { row, closed } = result.report;
    const world = {
      gifts: String(row.gifts),
      coins: String(row.sentCoins),
      reversedCoins: String(row.reversedCoins),
      gifters: String(row.gifters),
      creators: String(row.creators),
    };
    return { ...took, replayed: result.replayed, checksum: closed!.checksum, world };
  },
} satisfies CloserCommands);
