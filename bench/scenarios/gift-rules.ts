import { benchRules, RULE_VARIANTS, type RulesBenchResult } from '../gifts/bench-rules.ts';
import type { Round } from '../gifts/rounds.ts';
import { print } from '../lib/output.ts';
import type { Section, Table } from '../report/section.ts';
import { spread } from '../report/spread.ts';
import type { Scenario } from '../scenario.ts';

const SECONDS = 3;
const QUICK_SECONDS = 1;
const WANTED_OF_BARE = 0.7;
const STRETCH_OF_BARE = 0.9;

/** Gifts a second with caps, restrictions, reaction rules, streaks and goals, against the same service with none of them. */
export const giftRules: Scenario = {
  name: 'gift-rules',
  run: async ({ postgres: server, log, rounds, quick, signal }) => {
    const seconds = quick ? QUICK_SECONDS : SECONDS;
    const results = await benchRules({ server, log, rounds, seconds, quick, say: print }, signal);
    return {
      title: 'Gifts under rules',
      how:
        'The same service and calls three times: over the SQL functions as they were before there were rules and a chained ledger; as it is, with nothing to obey ("bare"); and with ' +
        'everything on: every viewer has caps on a gift, a day and a month, one in twenty is muted somewhere else, every creator has two reaction rules for each kind of gift, with a cooldown, and plays what waits, ' +
        'and every stream has a goal in coins, a goal in gifts of a kind and a crowd level under way. Streaks run in all of them. Every round is checked as in the chapter before.',
      tables: results.map(toTable),
      ratios: results.flatMap(({ workload, ratios }) => [
        {
          name: `Gifts, ${workload.title}: everything on / bare`,
          value: ratios.onToBare,
          wanted: WANTED_OF_BARE,
          stretch: STRETCH_OF_BARE,
        },
      ]),
      charts: [],
    } satisfies Section;
  },
};

function toTable({ workload, rounds, ratios }: RulesBenchResult): Table {
  return {
    title: `${workload.title}, ${workload.callers} callers; everything on is ${ratios.onToBefore.toFixed(2)}× of what it was before`,
    headings: ['', 'gifts/s', 'p50 ms', 'p99 ms', 'Node CPU µs/gift', 'Postgres CPU µs/gift', 'refused'],
    rows: RULE_VARIANTS.map((name) => {
      const of = (value: (round: Round) => number, digits = 0): string => spread(rounds[name].map(value), digits);
      return [
        name,
        of((round) => round.giftsPerSecond),
        of((round) => round.p50Ms, 1),
        of((round) => round.p99Ms, 1),
        of((round) => round.cpuUsPerGift),
        of((round) => round.postgresCpuUsPerGift),
        of((round) => round.refused),
      ];
    }),
  };
}
