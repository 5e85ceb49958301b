/** Tokens of an identity provider, on a server that is no demo. Its schema is another, so it needs a process of its own. */
import { describe, expect } from 'vitest';
import { LIVE_EVENTS, mutationDocument, WALLET_UPDATES } from '../support/documents.ts';
import type { Endpoint } from '../support/endpoint.ts';
import { freshHandle, type LiveEventEdge, mutate, query, sendChatMessage } from '../support/operations.ts';
import { expectClearErrors } from './support/clear-errors.ts';
import { globalId } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { QUIET, testOn } from './support/shared-server.ts';
import { badTokens, nowS, SECRET, signToken } from './support/tokens.ts';
import { expectNothingWritten } from './support/unchanged.ts';

const secretMode = testOn({ ...QUIET, config: { auth: { mode: 'secret', secret: SECRET } } });

/** Everything that is public, and `me`. The template's demo data is there to be read. */
const PUBLIC = `{ me { id } gifts { name } coinPacks { coins } creators { totalCount }
  creator(handle: "pinkydoll") { id earnings { lifetimeDiamonds } currentStream { id topGifters { rank } events { totalCount } } }
  liveStreams { edges { node { id title } } } }`;
const ME = '{ me { id handle displayName wallet { coins } } }';

type Me = { me: { id: string; handle: string; displayName: string; wallet: { coins: number } } | null };

/** Every mutation, with an input that a signed-in viewer may send. */
const MUTATIONS = [
  ['startStream', { title: 'Live' }],
  ['endStream', { streamId: globalId('LiveStream', 1) }],
  ['sendChatMessage', { streamId: globalId('LiveStream', 1), text: 'Hello', idempotencyKey: 'key' }],
  ['sendLikes', { streamId: globalId('LiveStream', 1), count: 1 }],
  ['sendGift', { streamId: globalId('LiveStream', 1), giftId: globalId('Gift', 1), idempotencyKey: 'key' }],
  ['buyCoins', { packId: globalId('CoinPack', 1), paymentToken: 'tok_ok', idempotencyKey: 'key' }],
] as const;

/** So long a token lasts whose end is waited for: a slow machine, too, must have got in with it by then. */
const SHORT_LIFE_S = 8;
/** How long its end is waited for. */
const END_LIMIT_MS = 20_000;

/** A stream that is on air: one of the demo data. */
const test = secretMode.extend('onAir', async ({ server }) => {
  type List = { liveStreams: { edges: { node: { id: string } }[] } };
  return (await query<List>(server.http(), PUBLIC)).liveStreams.edges[0]!.node.id;
});

function me(server: Endpoint, token: string): Promise<Me> {
  return query<Me>(server.http(token), ME);
}

test('signIn does not exist, and nothing tells of it', async ({ server, db }) => {
  const document = 'mutation { signIn(input: {handle: "layla"}) { __typename } }';
  const { data, errors } = await expectNothingWritten(db.pool, () => server.http().request(document));
  expect(data).toBeNull();
  expectClearErrors(errors, /Cannot query field "signIn" on type "Mutation"/);
  const types = await query<{ __schema: { types: { name: string }[] } }>(
    server.http(),
    '{ __schema { types { name } } }',
  );
  expect(types.__schema.types.map(({ name }) => name).filter((name) => name.startsWith('SignIn'))).toEqual([]);
});

test('without a token, what is public is read, and every mutation asks to sign in', async ({ server, db }) => {
  await expectNothingWritten(db.pool, async () => {
    const read = await query<Me & { gifts: unknown[]; creator: { earnings: unknown } }>(server.http(), PUBLIC);
    expect(read.me).toBeNull();
    expect(read.gifts).toHaveLength(6);
    expect(read.creator.earnings).toBeNull();
    for (const [name, input] of MUTATIONS) {
      expect(await mutate(server.http(), name, input), name).toEqual({
        __typename: 'NotSignedInError',
        code: 'NOT_SIGNED_IN',
        message: expect.stringMatching(/Authorization: Bearer/),
      });
    }
  });
});

test('with a token that does not hold, what is public is read, and every mutation says why not', async ({
  server,
  db,
}) => {
  await expectNothingWritten(db.pool, async () => {
    const tokens = await badTokens('subject of bad tokens');
    for (const [what, token, message] of tokens) {
      const read = await server.http(token).request<Me & { gifts: unknown[] }>(PUBLIC);
      expect(read.errors, what).toBeUndefined();
      expect(read.data, what).toMatchObject({ me: null, creator: { earnings: null } });
      for (const [name, input] of MUTATIONS) {
        const refused = {
          __typename: 'NotSignedInError',
          code: 'NOT_SIGNED_IN',
          message: expect.stringMatching(message),
        };
        expect(await mutate(server.http(token), name, input), `${name} ${what}`).toEqual(refused);
      }
    }
  });
});

test('over WebSocket too: the feed is public, the wallet is not, and the socket stays up', async ({
  server,
  db,
  onAir,
}) => {
  const tokens = [['missing', undefined] as const, ...(await badTokens('subject of bad tokens'))];
  await expectNothingWritten(db.pool, async () => {
    for (const [what, token] of tokens) {
      const socket = await server.ws({ token });
      const feed = socket.subscribe<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: onAir, after: '' });
      expect((await feed.next()).liveEvents.node.type, what).toBe('STREAM_STARTED');
      const end = await socket.subscribe(WALLET_UPDATES).untilClosed();
      expect(end, what).toMatchObject({ code: null, errors: [{ extensions: { code: 'NOT_SIGNED_IN' } }] });
      expect((await socket.query<Me>(ME)).data, what).toEqual({ me: null });
      await socket.close();
    }
  });
});

test('the token of a socket is taken from either place of connection_init', async ({ server }) => {
  const token = await signToken({ sub: freshHandle(), preferred_username: 'two.places' });
  for (const connectionParams of [
    { authorization: `Bearer ${token}` },
    { Authorization: `bearer ${token}` },
    { token },
  ]) {
    const socket = await server.ws({ connectionParams });
    expect((await socket.query<Me>(ME)).data!.me!.handle).toBe('two.places');
  }
});

test('the first token of a subject makes the viewer, named as the provider says', async ({ server, db }) => {
  const sub = freshHandle('subject');
  const token = await signToken({ sub, preferred_username: 'Layla_K', name: 'ليلى 🌹' });
  const first = await me(server, token);
  expect(first.me).toMatchObject({ handle: 'layla_k', displayName: 'ليلى 🌹', wallet: { coins: 0 } });
  const later = await signToken({ sub, preferred_username: 'another', name: 'Other' });
  expect(await expectNothingWritten(db.pool, () => me(server, later)), 'a name is kept').toEqual(first);
});

test('what the viewer does counts: a token of the provider is enough to go live and chat', async ({ server }) => {
  const api = server.http(await signToken({ sub: freshHandle() }));
  const started = await mutate<{ stream: { id: string } }>(api, 'startStream', { title: 'Live' });
  expect(started.__typename).toBe('StartStreamSuccess');
  const { id } = (started as { stream: { id: string } }).stream;
  const said = await sendChatMessage({ id, handle: '', token: '', api }, id, 'Hello');
  expect(said.__typename).toBe('SendChatMessageSuccess');
});

test('50 first tokens at once make one viewer', async ({ server, db }) => {
  const sub = freshHandle('subject');
  const token = await signToken({ sub });
  const seen = await atOnce(50, () => me(server, token));
  expect(new Set(seen.map((answer) => answer.me!.id)).size).toBe(1);
  const { rows } = await db.pool.query('SELECT count(*)::int FROM viewer WHERE subject = $1', [sub]);
  expect(rows).toEqual([{ count: 1 }]);
});

test('a handle that is taken gets a number, also when many ask for it at once', async ({ server }) => {
  const tokens = await atOnce(10, (index) =>
    signToken({ sub: freshHandle(`s${index}`), preferred_username: 'popular' }),
  );
  const handles = (await Promise.all(tokens.map((token) => me(server, token)))).map((answer) => answer.me!.handle);
  expect(new Set(handles).size).toBe(10);
  expect(handles.filter((handle) => handle === 'popular')).toHaveLength(1);
  for (const handle of handles) expect(handle).toMatch(/^popular(\d{6})?$/);
});

test.for([
  ['has spaces and capitals', { preferred_username: 'Jane Doe!' }, 'janedoe', 'Janedoe'],
  ['is an address', { preferred_username: 'jane@example.org' }, 'janeexample.org', 'Janeexample.org'],
  ['is a nickname only', { nickname: 'nicky' }, 'nicky', 'Nicky'],
  ['is too long', { preferred_username: 'l'.repeat(80), name: 'n'.repeat(80) }, 'l'.repeat(30), 'n'.repeat(50)],
  ['is blank', { preferred_username: 'blank.name', name: '   ' }, 'blank.name', 'Blank.name'],
  ['is no text', { preferred_username: 'no.text', name: 5 as never }, 'no.text', 'No.text'],
  [
    'has more emoji than fit',
    { preferred_username: 'emoji', name: `x${'🌹'.repeat(60)}` },
    'emoji',
    `x${'🌹'.repeat(49)}`,
  ],
  ['turns around what follows', { preferred_username: 'turned', name: '\u202eadmin\u0007' }, 'turned', 'admin'],
  ['cannot be seen', { preferred_username: 'unseen', name: '\u200b\u3164' }, 'unseen', 'Unseen'],
  ['has a NUL', { preferred_username: 'nul.name', name: 'a\0b' }, 'nul.name', expect.any(String)],
] as const)(
  'a name that %s becomes one that everybody can show',
  async ([, claims, handle, displayName], { server }) => {
    expect((await me(server, await signToken({ sub: freshHandle(), ...claims }))).me).toMatchObject({
      handle,
      displayName,
    });
  },
);

test.for(['ليلى', '!!', 'x', '._'])(
  'from the name "%s" no handle can be made: one is drawn',
  async (name, { server }) => {
    const { me: viewer } = await me(server, await signToken({ sub: freshHandle(), preferred_username: name }));
    expect(viewer!.handle).toMatch(/^viewer\d{6}$/);
  },
);

test('a subject as long as it likes is one viewer', async ({ server }) => {
  const token = await signToken({ sub: `auth0|${'x'.repeat(2_000)}`, preferred_username: 'long.subject' });
  expect((await me(server, token)).me).toEqual((await me(server, token)).me);
});

// All at once, as they wait for the same.
describe.concurrent('the end of a token', { timeout: 2 * END_LIMIT_MS }, () => {
  test('a socket whose token expires is closed with 4403, and other sockets stay', async ({ server }) => {
    const sub = freshHandle();
    const lasting = await server.ws({ token: await signToken({ sub }) });
    const expiring = await server.ws({ token: await signToken({ sub, exp: nowS() + SHORT_LIFE_S }) });
    const wallet = expiring.subscribe(WALLET_UPDATES);
    await wallet.next();
    expect(await expiring.untilClosed(END_LIMIT_MS)).toEqual({ code: 4403, reason: 'Token expired' });
    expect((await wallet.untilClosed(END_LIMIT_MS)).code).toBe(4403);
    expect((await lasting.query<Me>(ME)).data!.me).not.toBeNull();
  });

  test('an SSE subscription ends with its token', async ({ server }) => {
    const token = await signToken({ sub: freshHandle(), exp: nowS() + SHORT_LIFE_S });
    const wallet = server.sse(WALLET_UPDATES, {}, token);
    await wallet.next();
    await wallet.untilClosed(END_LIMIT_MS);
  });

  test('a token that one operation brings along ends the socket too when it expires', async ({ server }) => {
    const socket = await server.raw();
    await socket.init();
    const token = await signToken({ sub: freshHandle(), exp: nowS() + SHORT_LIFE_S });
    const extensions = { headers: { Authorization: `Bearer ${token}` } };
    socket.send({ id: 'wallet', type: 'subscribe', payload: { query: WALLET_UPDATES, extensions } });
    expect(await socket.messages.next()).toMatchObject({
      id: 'wallet',
      type: 'next',
      payload: { data: { walletUpdates: {} } },
    });
    expect(await socket.messages.untilClosed(END_LIMIT_MS)).toMatchObject({ code: 4403 });
  });

  test('an expired token ends one member of a group of watchers, the others watch on', async ({ server }) => {
    const creator = await signToken({ sub: freshHandle('creator') });
    const started = await server
      .http(creator)
      .request<{ startStream: { stream: { id: string } } }>(mutationDocument('startStream'), {
        input: { title: 'Live' },
      });
    const streamId = started.data!.startStream.stream.id;
    const lasting = await server.ws();
    const expiring = await server.ws({ token: await signToken({ sub: freshHandle(), exp: nowS() + SHORT_LIFE_S }) });
    const [stays, ends] = [lasting, expiring].map((socket) => socket.subscribe(LIVE_EVENTS, { streamId, after: '' }));
    await Promise.all([stays!.next(), ends!.next()]);
    expect((await ends!.untilClosed(END_LIMIT_MS)).code).toBe(4403);
    const said = { streamId, text: 'Still here?', idempotencyKey: 'still here' };
    await server.http(creator).request(mutationDocument('sendChatMessage'), { input: said });
    expect(await stays!.next()).toMatchObject({ liveEvents: { node: { seq: 2, text: 'Still here?' } } });
    expect(ends!.received).toHaveLength(1);
  });
});

test('a token that the demo would accept does not hold here', async ({ server }) => {
  const token = await signToken({ sub: 'demo:layla' }, 'another secret, such as that of a demo server');
  expect(await me(server, token)).toEqual({ me: null });
});

test('a date of birth and a region that the provider tells count from the first token on', async ({ server }) => {
  const document = '{ me { ageConfirmed region giftsAllowedFrom } }';
  const UNKNOWN = { ageConfirmed: false, region: null, giftsAllowedFrom: null };
  for (const [claims, me] of [
    [{}, UNKNOWN],
    [
      { birthdate: '2000-02-03', address: { country: 'kr' } },
      { ageConfirmed: true, region: 'KR', giftsAllowedFrom: '2019-02-03T00:00:00.000Z' },
    ],
    [
      { birthdate: '2000-02-03', country: 'DE' },
      { ageConfirmed: true, region: 'DE', giftsAllowedFrom: '2018-02-03T00:00:00.000Z' },
    ],
    [{ country: 'DE' }, { ...UNKNOWN, region: 'DE' }],
    // What is no day or no code says nothing: a year alone, a year that is kept secret, a day that never was, the future.
    ...['2000', '0000-02-03', '2001-02-29', '2999-01-01', 20_000_203, null].map(
      (birthdate) => [{ birthdate, address: { country: 'Germany' } }, UNKNOWN] as const,
    ),
  ] as const) {
    const token = await signToken({ sub: freshHandle('claims'), ...claims });
    expect(await query(server.http(token), document), JSON.stringify(claims)).toEqual({ me });
  }
});

test('what a token says later changes nothing; what it left out may be declared', async ({ server }) => {
  const sub = freshHandle('claims');
  const document = '{ me { region giftsAllowedFrom } }';
  const first = server.http(await signToken({ sub, birthdate: '2000-02-03' }));
  await query(first, document);
  const later = server.http(await signToken({ sub, birthdate: '1990-02-03', country: 'KR' }));
  expect(await query(later, document)).toEqual({ me: { region: null, giftsAllowedFrom: '2018-02-03T00:00:00.000Z' } });
  expect(await mutate(later, 'confirmAge', { birthDate: '1990-02-03' })).toMatchObject({
    __typename: 'ForbiddenError',
  });
  const declared = await mutate(later, 'confirmAge', { birthDate: '2000-02-03', region: 'KR' });
  expect(declared).toMatchObject({ viewer: { region: 'KR', giftsAllowedFrom: '2019-02-03T00:00:00.000Z' } });
});
