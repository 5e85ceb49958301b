/** Many answers at once, sorted by what they are. */
import type { Outcome } from '../../support/operations.ts';

/** How many outcomes there are of each type: `{ SendGiftSuccess: 10, InsufficientCoinsError: 90 }`. */
export function tally(outcomes: readonly Outcome<unknown>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { __typename } of outcomes) counts[__typename] = (counts[__typename] ?? 0) + 1;
  return counts;
}

/** The successes among outcomes. */
export function successes<Success>(outcomes: readonly Outcome<Success>[]): (Success & { __typename: string })[] {
  return outcomes.filter((outcome) => outcome.__typename.endsWith('Success')) as (Success & { __typename: string })[];
}

/** Calls `call` so often at once, with 0, 1, 2, … */
export function atOnce<T>(times: number, call: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: times }, (_, index) => call(index)));
}

/** As many at once as a server has connections: those of a whole crowd would wait for one until it is too late. */
const WAVE = 16;

/** Calls `call` so often, with 0, 1, 2, …, in waves. Returns what each call did, in that order. */
export async function inWaves<Result>(times: number, call: (index: number) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  while (results.length < times) {
    const begun = results.length;
    results.push(...(await atOnce(Math.min(WAVE, times - begun), (index) => call(begun + index))));
  }
  return results;
}
