/** Moderating through the public API. */
import { rowId } from '../../../src/graphql/global-id.ts';
import type { Endpoint } from '../../support/endpoint.ts';
import { type Actor, mutate, type Outcome, query, signIn } from '../../support/operations.ts';

/** What keeps a viewer away, as tests read it. */
export type Restriction = {
  viewerId: string;
  creator: { id: string } | null;
  ban: { until: string | null } | null;
  mute: { until: string | null } | null;
};

/** Whom, where and why. */
export type MeasureInput = {
  viewerId: string;
  streamId?: string;
  creatorId?: string;
  seconds?: number;
  reason?: string;
};

type Restricted = { until: string | null; restriction: Restriction };
type Lifted = { restriction: Restriction; replayed: boolean };

/** The mutations that keep somebody away, and that end it. */
export const moderate = {
  mute: (by: Actor, input: MeasureInput) => mutate<Restricted>(by.api, 'muteViewer', { seconds: 60, ...input }),
  unmute: (by: Actor, input: MeasureInput) => mutate<Lifted>(by.api, 'unmuteViewer', input),
  ban: (by: Actor, input: MeasureInput) => mutate<Restricted>(by.api, 'banViewer', input),
  unban: (by: Actor, input: MeasureInput) => mutate<Lifted>(by.api, 'unbanViewer', input),
};

/** The demo's operator. */
export function operator(server: Pick<Endpoint, 'url'>): Promise<Actor> {
  return signIn(server, 'operator');
}

/** The creator that somebody is. */
export async function creatorIdOf(creator: Actor): Promise<string> {
  type Data = { creator: { id: string } };
  const document = 'query Creator($handle: String!) { creator(handle: $handle) { id } }';
  return (await query<Data>(creator.api, document, { handle: creator.handle })).creator.id;
}

/** A creator's and a viewer's row ids, for SQL. */
export function rowsOf(viewerId: string, creatorId?: string): [bigint, bigint] {
  return [rowId('Viewer', viewerId)!, creatorId ? rowId('Creator', creatorId)! : 0n];
}

/** What an outcome is. */
export function kindOf(outcome: Outcome<unknown>): string {
  return outcome.__typename;
}
