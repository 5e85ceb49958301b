import { arch, availableParallelism, cpus, platform } from 'node:os';

/** Prints one line. */
export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** Prints rows below their headings: the first column to the left, the others, which are numbers, to the right. */
export function printTable(headings: readonly string[], body: readonly (readonly string[])[]): void {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...body.map((row) => row[column]?.length ?? 0)),
  );
  const rule = widths.map((width) => '-'.repeat(width));
  for (const row of [headings, rule, ...body]) {
    print(row.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join('  '));
  }
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

/** A number for people: digits in groups of three. */
export function formatNumber(value: number, digits = 0): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** What the numbers were measured on, in one line. */
export function describeMachine(postgresVersion: string): string {
  const model = cpus()[0]?.model.trim() || 'unknown CPU';
  return `${model}, ${availableParallelism()} cores, ${platform()} ${arch()}, Node ${process.versions.node}, Postgres ${postgresVersion}`;
}
