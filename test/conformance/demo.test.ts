/** The demo keeps to the specification, too; what graphql-cop finds in it is on for those who try it out. */
import { serverAudits } from 'graphql-http';
import { expect } from 'vitest';
import { test } from '../integration/support/shared-server.ts';
import { COP_CHECKS } from './support/cop.ts';

/** Deliberately on in demo mode, off in production. */
const OPEN_IN_DEMO = ['Field suggestions', 'Introspection', 'GraphiQL or a playground'];

test('the demo passes all audits of GraphQL over HTTP', async ({ server }) => {
  const audits = serverAudits({ url: server.url, fetchFn: fetch });
  const failed: unknown[] = [];
  for (const audit of audits) {
    const result = await audit.fn();
    if (result.status !== 'ok') failed.push([audit.id, audit.name, result.status, result.reason]);
  }
  expect(failed).toEqual([]);
  expect(audits).toHaveLength(61);
});

test.for(COP_CHECKS)(
  'graphql-cop finds in the demo only what is meant to be open: $title',
  async (check, { server }) => {
    expect(await check.find(server)).toBe(OPEN_IN_DEMO.includes(check.title));
  },
);
