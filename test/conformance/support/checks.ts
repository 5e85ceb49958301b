/** The table of hardening: every check, and what shows it on each transport. */
import type { Server } from '../../support/server.ts';

/** How the API is spoken to. */
export const TRANSPORTS = ['HTTP', 'SSE', 'WebSocket'] as const;

/** One of {@link TRANSPORTS}. */
export type Transport = (typeof TRANSPORTS)[number];

/** What a check is run with. */
export type Ground = { server: Server; streamId: string; token: string };

/** Runs a check; throws when it fails. */
export type Run = (ground: Ground) => Promise<void>;

/** One row of the table. */
export type Check = {
  /** What somebody might try. */
  threat: string;
  /** What stands against it, with the limit's value. */
  limit: string;
  /** Where that is. */
  where: string;
  /** What shows it; a text says why there is nothing to show. */
  runs: Record<Transport, Run | string>;
};

/** A case of a test: one check over one transport. */
export type Case = { name: string; check: Check; transport: Transport; run: Run };

/** Everything that there is to run. */
export function casesOf(checks: readonly Check[]): Case[] {
  return checks.flatMap((check) =>
    TRANSPORTS.flatMap((transport) => {
      const run = check.runs[transport];
      return typeof run === 'string' ? [] : [{ name: `${check.threat}: ${transport}`, check, transport, run }];
    }),
  );
}

/**
 * The table as Markdown.
 * @param verdict what a cell shows for a check that is run
 */
export function tableOf(
  checks: readonly Check[],
  file: string,
  verdict: (check: Check, transport: Transport) => string = () => '✓',
): string {
  const cell = (check: Check, transport: Transport) => {
    const run = check.runs[transport];
    return typeof run === 'string' ? `– ${run}` : verdict(check, transport);
  };
  const rows = checks.map((check) => [
    check.threat,
    check.limit,
    `\`${check.where}\``,
    ...TRANSPORTS.map((transport) => cell(check, transport)),
    `\`${file}\``,
  ]);
  const head = ['Threat', 'Limit', 'Where', ...TRANSPORTS, 'Test'];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
