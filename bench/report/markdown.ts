import { formatNumber } from '../lib/output.ts';
import { isReached, type Ratio, type Section, type Table } from './section.ts';

/** A section with when and how it was run, as results.json keeps it. */
export type Result = {
  section: Section;
  /** ISO time of the end, and how long it took. */
  ranAt: string;
  tookS: number;
  rounds: number;
  quick: boolean;
  machine: string;
  /** Load of the machine over the last minute when it began: anything but ~0 was somebody else. */
  loadBefore: number;
};

/** Renders docs/benchmarks.md. Charts are files in `benchmarks/`. */
export function renderDocument(results: readonly Result[]): string {
  const machines = [...new Set(results.map(({ machine }) => machine))];
  const ratios = results.flatMap(({ section }) => section.ratios);
  return [
    '# Benchmarks',
    'Written by `npm run bench`; do not edit. Trust the ratios, which are of medians within one run, more than the figures: machines differ, and drift.',
    'Cells are medians of all rounds, with (min–max). Variants take turns, round by round.',
    ...machines.map((machine) => `Measured on ${machine}.`),
    '## Ratios',
    renderRatios(ratios),
    ...results.flatMap(renderResult),
    '',
  ].join('\n\n');
}

/** A ratio’s value as people read it. */
export function formatRatio(value: number, unit = '×'): string {
  if (!Number.isFinite(value)) return '–'; // nothing was counted in the time that a smoke run has
  const digits = Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 2 : 1;
  return `${formatNumber(value, digits)}${unit === '×' ? unit : unit && ` ${unit}`}`;
}

function renderResult({ section, ranAt, tookS, rounds, quick, loadBefore }: Result): string[] {
  const day = ranAt.slice(0, 16).replace('T', ' ');
  const warning = quick ? ' **A smoke run (`--quick`): the figures mean nothing.**' : '';
  return [
    `## ${section.title}`,
    `_${day} UTC, ${rounds} rounds, ${formatNumber(tookS)} s, load of the machine before: ${loadBefore.toFixed(2)}._${warning}`,
    section.how,
    ...section.tables.flatMap(renderTable),
    ...(section.ratios.length > 0 ? [renderRatios(section.ratios)] : []),
    ...section.charts.map(({ name, title }) => `![${title}](benchmarks/${name}.svg)`),
  ];
}

function renderTable({ title, headings, rows }: Table): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = headings.map((_, column) => (column === 0 ? '---' : '--:'));
  return [...(title ? [`**${title}**`] : []), [headings, rule, ...rows].map(line).join('\n')];
}

function renderRatios(ratios: readonly Ratio[]): string {
  const rows = ratios.map((ratio) => {
    const bound = ratio.atMost ? '≤' : '≥';
    const goal = (value: number | undefined): string =>
      value === undefined ? '–' : `${bound} ${formatNumber(value, Number.isInteger(value) ? 0 : 2)}`;
    const shown = `**${formatRatio(ratio.value, ratio.unit)}**`;
    return [ratio.name, shown, goal(ratio.wanted), goal(ratio.stretch), isReached(ratio) ? 'yes' : 'no'];
  });
  return renderTable({ headings: ['', 'measured', 'wanted', 'stretch', 'reached'], rows }).join('\n\n');
}
