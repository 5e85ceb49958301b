/** Persisted documents on HTTP (POST and GET), SSE and WebSocket: by hash, and with nothing else allowed. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { StartError } from '../../src/kernel/start-error.ts';
import { QUIET, testOn } from '../integration/support/shared-server.ts';
import type { Endpoint } from '../support/endpoint.ts';
import { type Actor, freshHandle, signIn, startStream } from '../support/operations.ts';
import { type Server, startServer } from '../support/server.ts';
import { ASKS, type Parameters, TRANSPORTS, type Transport } from './support/asks.ts';

/** What `npm run generate:documents` writes. */
const GENERATED = new URL('../generated/persisted-documents.json', import.meta.url).pathname;

const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const GIFTS = '{ gifts { id name } }';
const GIFTS_HASH = hash(GIFTS);
const FEED = 'subscription Feed($id: ID!) { liveEvents(streamId: $id, after: "") { node { seq type } } }';
const LIKES = 'mutation Likes($input: SendLikesInput!) { sendLikes(input: $input) { __typename } }';
const MANIFEST = Object.fromEntries([GIFTS, FEED, LIKES].map((text) => [`sha256:${hash(text)}`, text]));
/** Says the same as a document of the manifest, and is another text. */
const LOOKALIKES = [
  `${GIFTS} `,
  `${GIFTS}\n# and a comment`,
  '{gifts{id name}}',
  '{ gifts { name id } }',
  GIFTS.slice(0, -1),
];
const UNKNOWN_HASH = hash('{ nobody }');

const directory = await mkdtemp(join(tmpdir(), 'hadiya-manifests-'));
const manifestFile = join(directory, 'documents.json');
beforeAll(() => writeFile(manifestFile, JSON.stringify(MANIFEST)));
afterAll(() => rm(directory, { recursive: true }));

const serverTest = testOn(QUIET);
/** Three servers on one database: one takes texts and hashes, one only hashes, one knows no hash. */
const test = serverTest
  .extend('both', { scope: 'file' }, async ({ db }, { onCleanup }) => {
    const server = await startServer({ ...QUIET, databaseUrl: db.url, config: { persistedDocuments: [manifestFile] } });
    onCleanup(() => server.close());
    return server;
  })
  .extend('only', { scope: 'file' }, async ({ db }, { onCleanup }) => {
    const config = { persistedDocuments: [manifestFile, GENERATED], persistedOnly: true };
    const server = await startServer({ ...QUIET, databaseUrl: db.url, config });
    onCleanup(() => server.close());
    return server;
  });

const apollo = (sha256Hash: unknown) => ({ extensions: { persistedQuery: { version: 1, sha256Hash } } });
const byId = (documentId: unknown) => ({ documentId });

/** How a request is refused: with a code, without data, and over HTTP with a status that says so. */
function codeOver(transport: Transport) {
  return async (server: Endpoint, parameters: Parameters) => {
    const { data, errors, status } = await ASKS[transport](server, parameters);
    expect(data).toBeUndefined();
    expect(errors).toHaveLength(1);
    if (status !== undefined && transport !== 'SSE') expect(status).toBe(400);
    return errors![0]!.extensions?.code;
  };
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  const ask = ASKS[transport];
  const code = codeOver(transport);

  test('a hash stands for its document, in either form', async ({ both, only }) => {
    for (const server of [both, only]) {
      for (const named of [
        byId(`sha256:${GIFTS_HASH}`),
        apollo(GIFTS_HASH),
        { ...byId(`sha256:${GIFTS_HASH}`), ...apollo(GIFTS_HASH) },
        { ...apollo(GIFTS_HASH), query: GIFTS },
        { ...apollo(GIFTS_HASH), query: '' },
      ]) {
        const { data, errors } = await ask(server, named);
        expect(errors).toBeUndefined();
        expect(data!.gifts).toHaveLength(6);
      }
    }
  });

  test('where both are allowed, any text is executed, and a hash that is unknown is said to be', async ({ both }) => {
    for (const query of [GIFTS, ...LOOKALIKES.slice(0, 4)]) {
      expect((await ask(both, { query })).data!.gifts, query).toHaveLength(6);
    }
    expect(await code(both, byId(`sha256:${UNKNOWN_HASH}`))).toBe('PERSISTED_DOCUMENT_NOT_FOUND');
    expect(await code(both, byId('x-other:1'))).toBe('PERSISTED_DOCUMENT_NOT_FOUND');
    const { errors } = await ask(both, apollo(UNKNOWN_HASH));
    expect(errors).toMatchObject([
      { message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } },
    ]);
  });

  test('no client registers a document: the text is executed, and its hash stays unknown', async ({ both }) => {
    const query = `{ gifts { id } } # ${randomUUID()}`;
    expect((await ask(both, { query, ...apollo(hash(query)) })).data!.gifts).toHaveLength(6);
    expect(await code(both, apollo(hash(query)))).toBe('PERSISTED_QUERY_NOT_FOUND');
  });

  test('without a manifest, Apollo’s clients are told to send texts', async ({ server }) => {
    const { errors } = await ask(server, apollo(GIFTS_HASH));
    expect(errors).toMatchObject([
      { message: 'PersistedQueryNotSupported', extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } },
    ]);
    expect(await code(server, byId(`sha256:${GIFTS_HASH}`))).toBe('PERSISTED_DOCUMENT_NOT_FOUND');
  });
});

describe.each(TRANSPORTS)('over %s, strictly', (transport) => {
  const ask = ASKS[transport];
  const code = codeOver(transport);

  test('with persisted documents only, any other text is refused, whatever it says and whatever hash it brings', async ({
    only,
  }) => {
    for (const query of [
      ...LOOKALIKES,
      '{ __typename }',
      '{ __schema { types { name } } }',
      ...(transport === 'GET' ? [] : ['']), // a parameter that is empty is none
      '{',
      'x'.repeat(5_000),
    ]) {
      expect(await code(only, { query }), query).toBe('PERSISTED_DOCUMENT_REQUIRED');
    }
    for (const query of LOOKALIKES) {
      expect(await code(only, { query, ...apollo(GIFTS_HASH) }), query).toBe('PERSISTED_DOCUMENT_REQUIRED');
      expect(await code(only, { query, ...apollo(hash(query)) }), query).toBe('PERSISTED_DOCUMENT_REQUIRED');
    }
    for (const named of [apollo(UNKNOWN_HASH), byId(`sha256:${UNKNOWN_HASH}`)]) {
      expect(await code(only, named)).toBe('PERSISTED_DOCUMENT_NOT_FOUND');
    }
    expect((await ask(only, { query: GIFTS })).data!.gifts, 'the very text').toHaveLength(6);
  });

  test('a name that is none is refused: another alphabet, another length, another type, the name of a property', async ({
    both,
    only,
  }) => {
    for (const server of [both, only]) {
      for (const name of [
        GIFTS_HASH.toUpperCase(),
        GIFTS_HASH.slice(0, -1),
        `${GIFTS_HASH}0`,
        '__proto__',
        'constructor',
        '',
      ]) {
        expect(await code(server, apollo(name)), name).toMatch(/^PERSISTED_(QUERY|DOCUMENT)_NOT_FOUND$/);
        expect(await code(server, byId(`sha256:${name}`)), name).toBe('PERSISTED_DOCUMENT_NOT_FOUND');
      }
      for (const name of [5, true, ['a'], {}, null, 'x'.repeat(200)]) {
        expect(await code(server, apollo(name)), String(name)).toBe('BAD_REQUEST');
      }
      expect(await code(server, byId('x'.repeat(200)))).toBe('BAD_REQUEST');
      expect(await code(server, { ...byId(`sha256:${hash(FEED)}`), ...apollo(GIFTS_HASH) })).toBe('BAD_REQUEST');
    }
    expect(await code(both, { query: '{ gifts { id } }', ...apollo(GIFTS_HASH) })).toBe('BAD_REQUEST');
  });

  test('variables, the operation and the viewer are those of the request', async ({ only, viewer, live }) => {
    const likes = { ...byId(`sha256:${hash(LIKES)}`), variables: { input: { streamId: live.streamId, count: 1 } } };
    const answer = await ask(only, likes, viewer.token);
    if (transport === 'GET') expect(answer).toMatchObject({ status: 405 });
    else expect(answer.data).toEqual({ sendLikes: { __typename: 'SendLikesSuccess' } });
    const other = await ask(only, { ...byId(`sha256:${GIFTS_HASH}`), operationName: 'Other' });
    expect(other.errors).toMatchObject([{ message: expect.stringContaining('operation') }]);
  });
});

describe.each(['SSE', 'WebSocket'] as const)('over %s', (transport) => {
  test('a subscription is started by its hash', async ({ only, live }) => {
    const variables = { id: live.streamId };
    for (const named of [byId(`sha256:${hash(FEED)}`), apollo(hash(FEED))]) {
      const { data } = await ASKS[transport](only, { ...named, variables });
      expect(data).toEqual({ liveEvents: { node: { seq: 1, type: 'STREAM_STARTED' } } });
    }
    const refused = await ASKS[transport](only, { query: `${FEED} `, variables });
    expect(refused.errors).toMatchObject([{ extensions: { code: 'PERSISTED_DOCUMENT_REQUIRED' } }]);
  });
});

test('who subscribes by hash and who subscribes by text share one execution', async ({ both }) => {
  const creator: Actor = await signIn(both, freshHandle('creator'));
  const { id } = await startStream(creator);
  const variables = { id };
  const feeds = await Promise.all(
    [{ query: FEED }, { query: '', ...apollo(hash(FEED)) }, { query: '', ...byId(`sha256:${hash(FEED)}`) }].map(
      async (named) => {
        const socket = await both.raw();
        await socket.init();
        socket.send({ id: 'feed', type: 'subscribe', payload: { ...named, variables } });
        await socket.messages.next();
        return socket;
      },
    ),
  );
  const before = (both as Server).app.fanOut.executed;
  const { data } = await creator.api.request(
    'mutation E($input: EndStreamInput!) { endStream(input: $input) { __typename } }',
    {
      input: { streamId: id },
    },
  );
  expect(data).toEqual({ endStream: { __typename: 'EndStreamSuccess' } });
  for (const { messages } of feeds) {
    expect(await messages.next()).toMatchObject({
      payload: { data: { liveEvents: { node: { type: 'STREAM_ENDED' } } } },
    });
  }
  expect((both as Server).app.fanOut.executed - before).toBe(process.env.TEST_FAN_OUT === 'alone' ? 3 : 1);
});

test('GraphiQL is off where only persisted documents are executed', async ({ only, both }) => {
  const page = (server: Endpoint) => fetch(server.url, { headers: { accept: 'text/html' } });
  expect((await page(both)).headers.get('content-type')).toMatch(/text\/html/);
  const refused = await page(only);
  expect(await refused.text()).not.toContain('graphiql');
  expect(refused.status).toBeGreaterThanOrEqual(400);
});

describe('manifests are checked at start', () => {
  const start = (url: string, ...persistedDocuments: string[]) =>
    startServer({ ...QUIET, databaseUrl: url, config: { persistedDocuments } }).then(
      (server) => server.close(),
      (error: unknown) => error,
    );
  const written = async (content: string) => {
    const file = join(directory, `${randomUUID()}.json`);
    await writeFile(file, content);
    return file;
  };

  test('the generated one, Relay’s, Apollo’s and a directory of them are read', async ({ db }) => {
    const { 'sha256:none': _, ...generated } = JSON.parse(await readFile(GENERATED, 'utf8')) as Record<string, string>;
    expect(Object.keys(generated).length).toBeGreaterThan(5);
    const folder = join(directory, 'folder');
    await mkdir(folder);
    await writeFile(join(folder, 'relay.json'), JSON.stringify({ [GIFTS_HASH]: GIFTS }));
    const operations = [{ id: hash(FEED), name: 'Feed', type: 'subscription', body: FEED }];
    await writeFile(join(folder, 'apollo.json'), JSON.stringify({ format: 'x', version: 1, operations }));
    await writeFile(join(folder, 'notes.txt'), 'not read');
    const config = { persistedDocuments: [GENERATED, folder], persistedOnly: true };
    const server = await startServer({ ...QUIET, databaseUrl: db.url, config });
    try {
      for (const id of [GIFTS_HASH, hash(FEED), Object.keys(generated)[0]!.slice('sha256:'.length)]) {
        const { errors } = await ASKS.POST(server, apollo(id));
        expect(errors?.[0]?.extensions?.code ?? '', id).not.toMatch(/^PERSISTED/);
      }
    } finally {
      await server.close();
    }
  });

  test.for([
    ['no JSON', 'nothing', /is no manifest/],
    ['a list', '[]', /is no manifest/],
    ['nothing in it', '{}', /no document in/],
    [
      'a text under another hash',
      { [UNKNOWN_HASH]: GIFTS },
      new RegExp(`"${UNKNOWN_HASH}": the hash of the text is ${GIFTS_HASH}`),
    ],
    ['a short name', { abc: GIFTS }, /"abc": stands under what is no SHA-256/],
    ['a number for a text', { [GIFTS_HASH]: 5 }, /is no text/],
    ['a document that is no GraphQL', { [hash('{')]: '{' }, /Syntax Error/],
    ['a document of another schema', { [hash('{ cats { id } }')]: '{ cats { id } }' }, /Cannot query field "cats"/],
    ['an operation of Apollo without a body', { operations: [{ id: GIFTS_HASH }] }, /is no text/],
    ['an operation of Apollo that is null', { operations: [null] }, /stands under what is no SHA-256/],
    ['more than fits', { [GIFTS_HASH]: GIFTS, x: 'x'.repeat(2 * 1024 * 1024) }, /more than 2097152 bytes/],
  ] as const)('%s', async ([, content, message], { db }) => {
    const file = await written(typeof content === 'string' ? content : JSON.stringify(content));
    const error = await start(db.url, manifestFile, file);
    expect(error).toBeInstanceOf(StartError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toContain(file);
  });

  test('a file that is not there', async ({ db }) => {
    const error = await start(db.url, join(directory, 'missing.json'));
    expect(error).toBeInstanceOf(StartError);
    expect((error as Error).message).toMatch(/missing\.json cannot be read \(ENOENT\)/);
  });

  test('all that is wrong is said at once, up to a bound', async ({ db }) => {
    const documents = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`no hash ${index}`, GIFTS]));
    const error = (await start(db.url, await written(JSON.stringify(documents)))) as Error;
    expect(error.message.split('\n')).toHaveLength(6);
    expect(error.message).toContain('and 4 more');
  });
});
