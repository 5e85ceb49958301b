/** Bad input over HTTP and over WebSocket: refused clearly, nothing written, and the socket goes on. */
import { expect } from 'vitest';
import type { WsClient } from '../support/client.ts';
import { LIVE_EVENTS, mutationDocument } from '../support/documents.ts';
import type { WireError } from '../support/feed.ts';
import { giftId, type LiveEventEdge, sendChatMessage } from '../support/operations.ts';
import type { Variables } from '../support/wire.ts';
import { expectClearErrors } from './support/clear-errors.ts';
import { globalId, wrongIds } from './support/ids.ts';
import { test as base } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

type Answer = { data: Record<string, unknown> | null; errors: readonly WireError[] | undefined };
type Send = (document: string, variables?: Variables) => Promise<Answer>;

const BIG_KEY = 'x'.repeat(65);

/** Inputs of sendGift that its types allow and its rules do not: the field at fault, and a value. */
const BROKEN_RULES = [
  ['quantity', 0],
  ['quantity', -1],
  ['quantity', 1001],
  ['quantity', 2 ** 31 - 1],
  ['quantity', -(2 ** 31)],
  ['idempotencyKey', ''],
  ['idempotencyKey', BIG_KEY],
  ['idempotencyKey', 'a\0b'],
  ['idempotencyKey', 'half an emoji \ud83c'],
] as const;

/** Inputs of sendGift that its types refuse: the field, a value, and the reason. */
const BROKEN_TYPES = [
  ['quantity', 1.5, /cannot represent non-integer value: 1\.5/],
  ['quantity', 2 ** 31, /cannot represent non 32-bit signed integer value/],
  ['quantity', 1e300, /cannot represent non 32-bit signed integer value/],
  ['quantity', '1e3', /cannot represent non-integer value: "1e3"/],
  ['quantity', '5', /cannot represent non-integer value: "5"/],
  ['quantity', true, /cannot represent non-integer value: true/],
  ['quantity', [1], /cannot represent non-integer value: \[1\]/],
  ['quantity', null, /to be null/],
  ['idempotencyKey', 5, /cannot represent a non string value: 5/],
  ['idempotencyKey', null, /to be null/],
  ['idempotencyKey', {}, /cannot represent a non string value/],
  ['streamId', null, /to be null/],
  ['giftId', { id: 1 }, /cannot represent value/],
  ['price', 1, /Field "price" is not defined by type "SendGiftInput"/],
] as const;

/** Documents that are no operation of this schema. */
const BROKEN_DOCUMENTS = [
  ['a syntax error', 'query { gifts { id }', /Syntax Error/],
  ['an empty document', '', /Syntax Error|query/i],
  ['a comment only', '# nothing', /Syntax Error/],
  ['an unknown field', '{ gifts { id price } }', /Cannot query field "price" on type "Gift"/],
  ['an unknown mutation', 'mutation { giveCoins }', /Cannot query field "giveCoins" on type "Mutation"/],
  ['an unknown argument', '{ gifts(cheap: true) { id } }', /Unknown argument "cheap"/],
  ['an unknown type', 'query ($input: Nothing) { gifts { id } }', /Unknown type "Nothing"/],
  ['a missing selection', '{ gifts }', /must have a selection of subfields/],
  ['a missing argument', '{ node { id } }', /argument "id" of type "ID!" is required/],
  ['an unused variable', 'query ($a: Int) { gifts { id } }', /Variable "\$a" is never used/],
  ['a missing variable', 'query ($id: ID!) { node(id: $id) { id } }', /Variable "\$id" of required type "ID!"/],
  [
    'a fragment in a circle',
    '{ gifts { ...a } } fragment a on Gift { ...a }',
    /Cannot spread fragment "a" within itself/,
  ],
  [
    'an unknown enum value',
    'subscription { liveEvents(streamId: "x", types: [NO]) { cursor } }',
    /"NO" does not exist/,
  ],
] as const;

/**
 * Two ways to send an operation: `send` runs over each of them. Over the socket, another subscription of the same socket
 * must still bring the next event afterwards.
 */
const test = base.extend('transports', async ({ server, funded, live }, { onCleanup }) => {
  const socket = await server.ws({ token: funded.token });
  const feed = socket.subscribe<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: live.streamId, after: '' });
  await feed.next();
  onCleanup(async () => {
    await sendChatMessage(funded, live.streamId, 'Still here?');
    await feed.until(({ liveEvents }) => liveEvents.node.text === 'Still here?');
    await socket.close();
  });
  const http: Send = (document, variables) => funded.api.request(document, variables);
  const ws: Send = (document, variables) => overSocket(socket, document, variables);
  return { http, ws };
});

async function overSocket(socket: WsClient, document: string, variables?: Variables): Promise<Answer> {
  return socket.query(document, variables);
}

for (const transport of ['http', 'ws'] as const) {
  test.describe(`over ${transport}`, () => {
    test('a gift that breaks a rule is refused with the field at fault', async ({ db, funded, live, transports }) => {
      const rose = await giftId(funded.api, 'Rose');
      await expectNothingWritten(db.pool, async () => {
        for (const [field, value] of BROKEN_RULES) {
          const input = { streamId: live.streamId, giftId: rose, idempotencyKey: 'key', [field]: value };
          const { data, errors } = await transports[transport](mutationDocument('sendGift'), { input });
          expect(errors, `${field}: ${value}`).toBeUndefined();
          expect(data!.sendGift, `${field}: ${value}`).toMatchObject({
            __typename: 'InvalidInputError',
            code: 'INVALID_INPUT',
            issues: [{ path: `input.${field}` }],
          });
        }
      });
    });

    test('all that is wrong with an input is said at once', async ({ live, transports }) => {
      const input = { streamId: live.streamId, giftId: globalId('Gift', 1), quantity: 0, idempotencyKey: '' };
      const { data } = await transports[transport](mutationDocument('sendGift'), { input });
      const { issues } = data!.sendGift as { issues: { path: string }[] };
      expect(issues.map(({ path }) => path).sort()).toEqual(['input.idempotencyKey', 'input.quantity']);
    });

    test('a gift of wrong types is refused with the reason', async ({ db, funded, live, transports }) => {
      const rose = await giftId(funded.api, 'Rose');
      await expectNothingWritten(db.pool, async () => {
        for (const [field, value, reason] of BROKEN_TYPES) {
          const input = { streamId: live.streamId, giftId: rose, idempotencyKey: 'key', [field]: value };
          const { data, errors } = await transports[transport](mutationDocument('sendGift'), { input });
          expect(data?.sendGift, `${field}: ${value}`).toBeUndefined();
          expectClearErrors(errors, reason);
        }
      });
    });

    test('a gift to nothing, or of nothing, is not found', async ({ db, live, transports }) => {
      await expectNothingWritten(db.pool, async () => {
        const ids = [
          ...wrongIds('LiveStream').map(
            ([what, streamId]) => [what, { streamId, giftId: globalId('Gift', 1) }] as const,
          ),
          ...wrongIds('Gift').map(([what, id]) => [what, { streamId: live.streamId, giftId: id }] as const),
        ];
        for (const [what, input] of ids) {
          const variables = { input: { ...input, idempotencyKey: 'key' } };
          const { data } = await transports[transport](mutationDocument('sendGift'), variables);
          expect(data!.sendGift, what).toMatchObject({ __typename: 'NotFoundError', code: 'NOT_FOUND' });
        }
      });
    });

    test('a document that is no operation of this schema is refused with the reason', async ({ db, transports }) => {
      await expectNothingWritten(db.pool, async () => {
        for (const [what, document, reason] of BROKEN_DOCUMENTS) {
          const { data, errors } = await transports[transport](document);
          expect(data, what).toBeNull();
          expectClearErrors(errors, reason);
        }
      });
    });

    test('one bad field of several says which, and the others are answered', async ({ live, transports }) => {
      const document = `query Mixed($id: ID!) { gifts { name } liveStream(id: $id) { title } bad: liveStream(id: $id) { events(after: "garbage") { totalCount } } }`;
      const { data, errors } = await transports[transport](document, { id: live.streamId });
      expect(data).toMatchObject({ gifts: [{ name: 'Rose' }, {}, {}, {}, {}, {}], liveStream: {}, bad: null });
      expectClearErrors(errors);
      expect(errors!.map(({ path }) => path)).toEqual([['bad', 'events']]);
    });
  });
}
