/** Chat is committed in batches; each message has an outcome of its own. */
import { expect } from 'vitest';
import {
  endStream,
  type SendChatMessageSuccess,
  sendChatMessage,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { readEvents } from './support/log.ts';
import { callInOneBatch } from './support/one-batch.ts';
import { atOnce, tally } from './support/outcomes.ts';
import { QUIET, testOn } from './support/shared-server.ts';

const test = testOn(QUIET);
const tight = testOn({ overrides: { ...QUIET.overrides, chat: { batchMax: 1, queueMax: 1 } } });
const MESSAGES = 30;

test('one batch: said, replayed, conflicting and refused messages, over several streams, in order', async ({
  db,
  server,
  viewer,
  live,
}) => {
  const [other, ended] = await Promise.all([signIn(server), signIn(server)]);
  const otherStream = (await startStream(other)).id;
  const endedStream = (await startStream(ended)).id;
  succeed(await sendChatMessage(viewer, live.streamId, 'before', 'before'));
  succeed(await sendChatMessage(viewer, endedStream, 'last words', 'last words'));
  succeed(await endStream(ended, endedStream));
  const socket = await server.ws({ token: viewer.token });
  const say = (streamId: string, text: string, idempotencyKey = text) => ({ streamId, text, idempotencyKey });
  const { outcomes } = await callInOneBatch<SendChatMessageSuccess>(
    db.pool,
    socket,
    'sendChatMessage',
    say(live.streamId, 'opener'),
    [
      say(live.streamId, 'one'),
      say(otherStream, 'elsewhere'),
      say(live.streamId, 'before'),
      say(live.streamId, 'something else', 'before'),
      say(endedStream, 'too late'),
      say(endedStream, 'last words'),
      say('TGl2ZVN0cmVhbTo5OTk5OTk', 'nowhere'),
      say(live.streamId, 'two'),
      say(live.streamId, 'one'),
    ],
  );
  const said = ({ chatMessage, replayed }: SendChatMessageSuccess) => `${chatMessage.seq} ${replayed}`;
  const kinds = outcomes.map((outcome) =>
    'chatMessage' in outcome ? said(outcome as SendChatMessageSuccess) : outcome.__typename,
  );
  expect(kinds).toEqual([
    '4 false',
    '2 false',
    '2 true',
    'IdempotencyConflictError',
    'StreamNotLiveError',
    '2 true',
    'NotFoundError',
    '5 false',
    '4 true',
  ]);
  const texts = async (streamId: string) => (await readEvents(viewer, streamId)).map((event) => event.text);
  expect(await texts(live.streamId)).toEqual([undefined, 'before', 'opener', 'one', 'two']);
  expect(await texts(otherStream)).toEqual([undefined, 'elsewhere']);
  expect(await texts(endedStream)).toEqual([undefined, 'last words', undefined]);
});

test('a batch costs the same statements, however many messages are in it', async ({ db, server, viewer, live }) => {
  const socket = await server.ws({ token: viewer.token });
  const inputs = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, n) => ({ streamId: live.streamId, text: 'x', idempotencyKey: `${prefix} ${n}` }));
  const cost = async (prefix: string, count: number) => {
    const [opener, ...others] = inputs(prefix, count + 1);
    const { statements } = await countSql(server.app, () =>
      callInOneBatch(db.pool, socket, 'sendChatMessage', opener!, others),
    );
    return statements.length;
  };
  await cost('warm', 1);
  expect(await cost('many', MESSAGES)).toBe(await cost('few', 2));
});

tight(
  'a full queue refuses messages with a time to wait, and the same keys succeed later',
  async ({ viewer, live }) => {
    const say = (n: number) => sendChatMessage(viewer, live.streamId, `message ${n}`, `no ${n}`);
    const outcomes = await atOnce(MESSAGES, say);
    const { SendChatMessageSuccess: said = 0, OverloadedError: refused = 0 } = tally(outcomes);
    expect([said + refused, said > 0, refused > 0]).toEqual([MESSAGES, true, true]);
    expect(await readEvents(viewer, live.streamId)).toHaveLength(1 + said);
    for (let n = 0; n < MESSAGES; n++) succeed(await say(n));
    expect(await readEvents(viewer, live.streamId)).toHaveLength(1 + MESSAGES);
  },
);
