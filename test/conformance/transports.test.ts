/** Attacks beside GraphQL: origins, sizes, encodings, protocols, floods. */
import { QUIET, testOn } from '../integration/support/shared-server.ts';
import { ALLOWED_ORIGIN, TRANSPORT_CHECKS } from './support/checks.transports.ts';
import { casesOf } from './support/checks.ts';
import { printTableAfterwards } from './support/print.ts';

const test = testOn({ ...QUIET, config: { allowedOrigins: [ALLOWED_ORIGIN] } });
const { passed } = printTableAfterwards(TRANSPORT_CHECKS, 'transports');

test.for(casesOf(TRANSPORT_CHECKS))('$name', async ({ check, transport, run }, { server, viewer, live }) => {
  await run({ server, streamId: live.streamId, token: viewer.token });
  passed(check, transport);
});
