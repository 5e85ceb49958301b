/** Three months of a year, of UTC. */
export type Quarter = { year: number; quarter: 1 | 2 | 3 | 4 };

/** Years that reports exist for. */
export const YEAR_MIN = 2000;
export const YEAR_MAX = 2999;

const MONTHS = 3;
const NAME = /^([12]\d{3})-Q([1-4])$/;

/** The first day of a quarter, as 2026-07-01. Names the quarter in the database. */
export function firstDay({ year, quarter }: Quarter): string {
  return dayOf(year, (quarter - 1) * MONTHS, 1);
}

/** The last day of a quarter, as 2026-09-30. */
export function lastDay({ year, quarter }: Quarter): string {
  return dayOf(year, quarter * MONTHS, 0);
}

/** Every day of a quarter, in order. */
export function daysOf(quarter: Quarter): string[] {
  const days: string[] = [];
  for (let day = 1, text = firstDay(quarter); text <= lastDay(quarter); text = dayOfQuarter(quarter, ++day))
    days.push(text);
  return days;
}

/** The quarter before. */
export function quarterBefore({ year, quarter }: Quarter): Quarter {
  return quarter === 1 ? { year: year - 1, quarter: 4 } : { year, quarter: (quarter - 1) as Quarter['quarter'] };
}

/** A quarter as people write it: 2026-Q3. */
export function nameOf({ year, quarter }: Quarter): string {
  return `${year}-Q${quarter}`;
}

/** The quarter of such a name; undefined when it is none that reports exist for. */
export function quarterNamed(name: string): Quarter | undefined {
  const [, year, quarter] = NAME.exec(name) ?? [];
  if (year === undefined || Number(year) < YEAR_MIN || Number(year) > YEAR_MAX) return undefined;
  return { year: Number(year), quarter: Number(quarter) as Quarter['quarter'] };
}

function dayOfQuarter({ year, quarter }: Quarter, day: number): string {
  return dayOf(year, (quarter - 1) * MONTHS, day);
}

function dayOf(year: number, month: number, day: number): string {
  return new Date(Date.UTC(year, month, day)).toISOString().slice(0, 10);
}
