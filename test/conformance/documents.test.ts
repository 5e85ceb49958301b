/** Attacks by documents, on all transports alike. */
import { test } from '../integration/support/shared-server.ts';
import { DOCUMENT_CHECKS } from './support/checks.documents.ts';
import { casesOf } from './support/checks.ts';
import { printTableAfterwards } from './support/print.ts';

const { passed } = printTableAfterwards(DOCUMENT_CHECKS, 'documents');

test.for(casesOf(DOCUMENT_CHECKS))('$name', async ({ check, transport, run }, { server, viewer, live }) => {
  await run({ server, streamId: live.streamId, token: viewer.token });
  passed(check, transport);
});
