/** A server that is no demo: it tells nothing of itself, keeps to the specification, and has nothing for graphql-cop. */
import { serverAudits } from 'graphql-http';
import { expect, onTestFinished } from 'vitest';
import { QUIET, testOn } from '../integration/support/shared-server.ts';
import { SECRET, signToken } from '../integration/support/tokens.ts';
import { freshHandle, query } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { PRODUCTION_CHECKS } from './support/checks.production.ts';
import { casesOf } from './support/checks.ts';
import { COP_CHECKS } from './support/cop.ts';
import { printTableAfterwards } from './support/print.ts';

const test = testOn({ ...QUIET, config: { auth: { mode: 'secret', secret: SECRET }, introspection: false } });
const { passed } = printTableAfterwards(PRODUCTION_CHECKS, 'production');

test.for(casesOf(PRODUCTION_CHECKS))('$name', async ({ check, transport, run }, { server }) => {
  await run({ server, streamId: 'x', token: await signToken({ sub: freshHandle('reader') }) });
  passed(check, transport);
});

test.for(COP_CHECKS)('graphql-cop finds nothing: $title', async ({ find }, { server }) => {
  expect(await find(server)).toBe(false);
});

/** Four of the audits look at variables by way of `__type`. */
const ASK_FOR_TYPES = ['2EA1', '28B9', 'D6D5', '6A70'];

async function failedAudits(url: string): Promise<{ count: number; failed: string[] }> {
  const audits = serverAudits({ url, fetchFn: fetch });
  const failed: string[] = [];
  for (const audit of audits) if ((await audit.fn()).status !== 'ok') failed.push(audit.id);
  return { count: audits.length, failed };
}

test('all audits of GraphQL over HTTP are passed, where clients may ask for types', async ({ db }) => {
  const config = { auth: { mode: 'secret', secret: SECRET }, introspection: true } as const;
  const open = await startServer({ ...QUIET, databaseUrl: db.url, config });
  onTestFinished(() => open.close());
  expect(await failedAudits(open.url)).toEqual({ count: 61, failed: [] });
});

test('and where they may not, all but the four that do', async ({ server }) => {
  expect(await failedAudits(server.url)).toEqual({ count: 61, failed: ASK_FOR_TYPES });
  expect(await query(server.http(), '{ __typename }')).toEqual({ __typename: 'Query' }); // and lives
});

test('the welcome names no GraphiQL, as there is none', ({ server }) => {
  expect(server.app.welcome('http://h')).not.toContain('GraphiQL');
  expect(server.app.welcome('http://h')).toContain('API: http://h/graphql');
});
