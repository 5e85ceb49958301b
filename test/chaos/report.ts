/** The report of a run, for people. */
import type { ChaosReport, Latency } from './chaos.ts';

/** Lists shown of what is wrong; all of it is counted. */
const SHOWN_MAX = 5;

/** A report in a page of text. */
export function toText(report: ChaosReport): string {
  const { verdict, healthy } = report;
  const seconds = (ms: number | undefined) => (ms === undefined ? 'never' : `${(ms / 1_000).toFixed(2)} s`);
  const counts = {
    'ledger violations': verdict.ledgerViolations,
    'lost events': verdict.lostEvents,
    'doubled events': verdict.doubledEvents,
    'lost or doubled gifts, orders, messages': verdict.lostOrDoubledEffects,
    'units oversold': verdict.oversold,
    'stuck orders': verdict.stuckOrders,
    'feeds that ended with an error': verdict.feedErrors,
  };
  return [
    '',
    `${report.seconds} s, seed ${report.seed}: ${report.gifts} gifts, ${report.purchases} purchases (${report.soldOut} refused as sold out), ${report.messages} messages; ${report.deliveries} deliveries to ${report.watchers} watchers, ${report.reconnects} reconnects`,
    `repeated until answered: ${report.repeated}; attempts without an answer: ${JSON.stringify(report.failures)}; sockets closed: ${JSON.stringify(report.closes)}`,
    '',
    ...report.faults.map(
      (fault) =>
        `${seconds(fault.atMs).padStart(8)}  ${fault.name}: feed as before after ${seconds(fault.feedMs)}${fault.giftMs === undefined ? '' : `, gifts after ${seconds(fault.giftMs)}`}${fault.note ? ` (${fault.note})` : ''}`,
    ),
    '',
    `healthy viewers, no fault near: ${latency(healthy.quiet)}; in the 5 s behind a fault: ${latency(healthy.underFaults)}`,
    `servers' exit codes: ${report.exitCodes.join(', ')}`,
    ...Object.entries(counts).map(([what, value]) => {
      const list = Array.isArray(value) ? value : [];
      const count = Array.isArray(value) ? value.length : value;
      return [`${what}: ${count}`, ...list.slice(0, SHOWN_MAX).map((line) => `  ${line}`)].join('\n');
    }),
    report.clean ? 'Nothing was lost.' : 'SOMETHING WAS LOST.',
  ].join('\n');
}

function latency({ count, p50Ms, p99Ms, maxMs }: Latency): string {
  return `p50 ${p50Ms} ms, p99 ${p99Ms} ms, longest ${maxMs} ms (${count} deliveries)`;
}
