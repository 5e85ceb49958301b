import { formatNumber } from '../lib/output.ts';
import { median } from '../lib/stats.ts';

/** The median and the extremes of a figure over all rounds, for a cell of a table. */
export function spread(values: readonly number[], digits = 0): string {
  if (!values.every(Number.isFinite) || values.length === 0) return '–';
  const middle = formatNumber(median(values), digits);
  if (values.length === 1) return middle;
  return `${middle} (${formatNumber(Math.min(...values), digits)}–${formatNumber(Math.max(...values), digits)})`;
}

/** The median of a figure over all rounds. */
export function medianOf<Round>(rounds: readonly Round[], value: (round: Round) => number): number {
  return median(rounds.map(value));
}
