/** What a scenario hands in: data only, so that it can be kept as JSON and rendered again. */

/** Rows below their headings. The first column names the row. */
export type Table = { title?: string; headings: string[]; rows: string[][] };

/** A figure that the project wants to reach. */
export type Ratio = {
  name: string;
  value: number;
  wanted: number;
  /** What would be even better. */
  stretch?: number;
  /** The smaller the better. */
  atMost?: boolean;
  /** `×` by default. */
  unit?: string;
};

/** Lines over a logarithmic x axis, starting at zero on y. */
export type Chart = {
  /** Name of the file, without its ending. */
  name: string;
  title: string;
  xLabel: string;
  yLabel: string;
  series: { name: string; points: [x: number, y: number][] }[];
};

/** One chapter of docs/benchmarks.md. */
export type Section = {
  title: string;
  /** How it was measured, as Markdown. */
  how: string;
  tables: Table[];
  ratios: Ratio[];
  charts: Chart[];
};

/** Whether a figure is reached. */
export function isReached({ value, wanted, atMost }: Ratio): boolean {
  if (!Number.isFinite(value)) return false;
  return atMost ? value <= wanted : value >= wanted;
}
