/** What of a schema breaks the clients of another: the judgement of graphql-inspector, without what was accepted. */
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';

/** A break that is meant: the change as graphql-inspector puts it, and why it may be. */
export type Accepted = { change: string; reason: string };

/** What was found. Breaks that were accepted are in none of these; `stale` are those that are not there to be accepted. */
export type Breaks = { breaking: string[]; dangerous: string[]; stale: string[] };

/** Compares two schemas in the schema language. */
export async function findBreaks(before: string, after: string, accepted: readonly Accepted[] = []): Promise<Breaks> {
  const changes = await diff(buildSchema(before), buildSchema(after));
  const of = (level: CriticalityLevel) =>
    changes.filter(({ criticality }) => criticality.level === level).map(({ message, path }) => `${path}: ${message}`);
  const breaking = of(CriticalityLevel.Breaking);
  const meant = new Set(accepted.map(({ change }) => change));
  return {
    breaking: breaking.filter((change) => !meant.has(change)),
    dangerous: of(CriticalityLevel.Dangerous),
    stale: [...meant].filter((change) => !breaking.includes(change)),
  };
}
