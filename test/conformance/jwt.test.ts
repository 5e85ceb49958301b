/** Attacks on tokens × transports: whatever is wrong with a token, it makes nobody of whoever sends it, and writes nothing. */
import { createHmac, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { base64url, type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { describe, expect } from 'vitest';
import { QUIET, testOn } from '../integration/support/shared-server.ts';
import { nowS } from '../integration/support/tokens.ts';
import { expectNothingWritten } from '../integration/support/unchanged.ts';
import { LIVE_EVENTS } from '../support/documents.ts';
import { freshHandle } from '../support/operations.ts';
import { ASKS, TRANSPORTS } from './support/asks.ts';

const AUDIENCE = 'https://hadiya.example.com';
const ISSUER = 'https://id.example.com/';
const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;
/** Up to a second less, as tokens count whole ones: long enough to begin to watch on a busy machine. */
const SHORT_LIFE_S = 6;
const ME = '{ me { handle } gifts { id } }';

const [one, two, stranger] = await Promise.all(
  ['RS256', 'RS256', 'RS256'].map((algorithm) => generateKeyPair(algorithm, { extractable: true })),
);
const elliptic = await generateKeyPair('ES256', { extractable: true });
const SHARED = 'a symmetric key that somebody has published by mistake';
const published = {
  keys: [
    { ...(await exportJWK(one!.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' },
    { ...(await exportJWK(two!.publicKey)), kid: 'two', alg: 'RS256', use: 'sig' },
    { ...(await exportJWK(elliptic.publicKey)), kid: 'elliptic', alg: 'ES256', use: 'sig' },
    { kty: 'oct', kid: 'shared', alg: 'HS256', k: base64url.encode(SHARED) },
  ],
};
/** Paths that were asked of the provider: keys come from nowhere but JWKS_URL. */
const asked: string[] = [];
const provider = createServer((request, response) => {
  asked.push(request.url ?? '');
  const strange = { keys: [{ ...strangerJwk, kid: 'one', alg: 'RS256', use: 'sig' }] };
  const keys = request.url === '/jwks' ? published : strange;
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(keys));
});
await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
const providerUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
const strangerJwk = await exportJWK(stranger!.publicKey);

const auth = { mode: 'jwks', url: `${providerUrl}/jwks`, audience: AUDIENCE, issuer: ISSUER } as const;
const test = testOn({ ...QUIET, config: { auth } }).extend(
  'closing',
  { scope: 'file', auto: true },
  async ({ db: _db }, { onCleanup }) => {
    onCleanup(() => {
      provider.closeAllConnections();
      provider.close();
    });
    return true;
  },
);

type Header = { alg?: string; kid?: string; typ?: string; [name: string]: unknown };
type Made = { header?: Header; claims?: JWTPayload; key?: CryptoKey | Uint8Array };

const VICTIM = 'the victim of all attacks';
const GOOD: JWTPayload = { sub: VICTIM, aud: AUDIENCE, iss: ISSUER };

/** A token as the provider signs it, but for what is said. A claim that is undefined is left out. */
function make({ header, claims, key = one!.privateKey }: Made = {}): Promise<string> {
  return new SignJWT({ exp: nowS() + HOUR_S, iat: nowS(), ...GOOD, ...claims } as JWTPayload)
    .setProtectedHeader({ alg: 'RS256', kid: 'one', ...header })
    .sign(key);
}

const encode = (value: unknown) => base64url.encode(typeof value === 'string' ? value : JSON.stringify(value));
const good = () => ({ exp: nowS() + HOUR_S, iat: nowS(), ...GOOD });
/** A token of any parts. */
const raw = (header: unknown, payload: unknown, signature = '') => `${encode(header)}.${encode(payload)}.${signature}`;
/** A token under an HMAC with any secret. */
const hmac = (header: object, secret: string | Buffer, payload: unknown = good()) => {
  const text = `${encode(header)}.${encode(payload)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
};
const pem = await exportSPKI(one!.publicKey);
const HMAC_256 = { alg: 'HS256', kid: 'one' };
const [, signedPayload, signature] = (await make()).split('.') as [string, string, string];

const ALGORITHMS: [string, () => string | Promise<string>][] = [
  ...['none', 'None', 'NONE', 'nOnE', ' none', 'none ', '', 'null'].map(
    (alg) => [`alg "${alg}"`, () => raw({ alg, kid: 'one' }, good())] as [string, () => string],
  ),
  ['alg none with the signature of another token', () => raw({ alg: 'none' }, good(), signature)],
  ['alg null', () => raw({ alg: null, kid: 'one' }, good(), signature)],
  ['alg missing', () => raw({ kid: 'one' }, good(), signature)],
  ['alg a list', () => raw({ alg: ['none'], kid: 'one' }, good(), signature)],
  ['the public key (PEM) as the secret', () => hmac(HMAC_256, pem)],
  ['the public key (PEM, trimmed) as the secret', () => hmac(HMAC_256, pem.trim())],
  ['the public key (JWK) as the secret', () => hmac(HMAC_256, JSON.stringify(published.keys[0]))],
  [
    'the modulus as the secret',
    async () => hmac(HMAC_256, Buffer.from((await exportJWK(one!.publicKey)).n!, 'base64url')),
  ],
  ['an empty secret', () => hmac(HMAC_256, '')],
  ['a symmetric key of the key set', () => hmac({ alg: 'HS256', kid: 'shared' }, SHARED)],
  ['the key of another algorithm', () => make({ header: { alg: 'ES256', kid: 'one' }, key: elliptic.privateKey })],
  ['a payload that was changed', () => raw({ alg: 'RS256', kid: 'one' }, { ...good(), sub: 'admin' }, signature)],
  ['a signature cut short', () => raw({ alg: 'RS256', kid: 'one' }, good(), signature.slice(0, 40))],
];

const KEYS: [string, () => string | Promise<string>][] = [
  ...[
    'three',
    '',
    '../../../../dev/null',
    '/proc/self/environ',
    "one' OR '1'='1",
    'one"; DROP TABLE viewer; --',
    'one\0',
    '__proto__',
    `${'x'.repeat(4_000)}`,
  ].map(
    (kid) =>
      [`kid ${JSON.stringify(kid.slice(0, 30))}`, () => make({ header: { kid }, key: stranger!.privateKey })] as [
        string,
        () => Promise<string>,
      ],
  ),
  ['the empty file as the secret', () => hmac({ alg: 'HS256', kid: '../../../../dev/null' }, '')],
  ['no kid, where two keys would fit', () => make({ header: { kid: undefined } as never })],
  ['the kid of another key', () => make({ header: { kid: 'two' } })],
  ['a key that is not published', () => make({ key: stranger!.privateKey })],
  ['jwk: a key of its own', () => make({ header: { jwk: strangerJwk }, key: stranger!.privateKey })],
  ['jku: keys elsewhere', () => make({ header: { jku: `${providerUrl}/stolen` }, key: stranger!.privateKey })],
  ['x5u: a certificate elsewhere', () => make({ header: { x5u: `${providerUrl}/stolen` }, key: stranger!.privateKey })],
  ['x5c: a certificate of its own', () => make({ header: { x5c: ['MIIB'] } as never, key: stranger!.privateKey })],
  [
    'crit: an extension that nobody knows',
    () => raw({ alg: 'RS256', kid: 'one', crit: ['x'], x: 1 }, good(), signature),
  ],
  ['b64: false', () => raw({ alg: 'RS256', kid: 'one', b64: false, crit: ['b64'] }, good(), signature)],
];

const CLAIMS: [string, () => string | Promise<string>][] = (
  [
    ['expired', { exp: nowS() - HOUR_S }],
    ['expired by more than clocks may differ', { exp: nowS() - 7 }],
    ['expired at 0', { exp: 0 }],
    ['with a negative exp', { exp: -1 }],
    ['with an exp that is text', { exp: '9999999999' as never }],
    ['with an exp that is null', { exp: null as never }],
    ['without exp', { exp: undefined }],
    ['for ten years', { exp: nowS() + 3_650 * DAY_S }],
    ['with an exp beyond all dates', { exp: 1e300 }],
    ['not valid yet', { nbf: nowS() + HOUR_S }],
    ['with an nbf that is text', { nbf: 'now' as never }],
    ['issued tomorrow', { iat: nowS() + DAY_S }],
    ['issued at a text', { iat: 'now' as never }],
    ['for another audience', { aud: 'https://other.example.com' }],
    ['for an audience that begins alike', { aud: `${AUDIENCE}.evil.example` }],
    ['without an audience', { aud: undefined }],
    ['for no audience', { aud: [] }],
    ['of another issuer', { iss: 'https://evil.example.com/' }],
    ['of an issuer but for its end', { iss: ISSUER.slice(0, -1) }],
    ['without an issuer', { iss: undefined }],
    ['without sub', { sub: undefined }],
    ['with an empty sub', { sub: '' }],
    ['with a sub that is an object', { sub: { id: VICTIM } as never }],
    ['with a sub that is a list', { sub: [VICTIM] as never }],
    ['with a NUL in its sub', { sub: `${VICTIM}\0` }],
    ['with half a character in its sub', { sub: '\ud800' }],
  ] as [string, JWTPayload][]
).map(([what, claims]) => [what, () => make({ claims })]);

const FORMS: [string, () => string | Promise<string>][] = [
  ...['logout+jwt', 'secevent+jwt', 'dpop+jwt', 'JOSE', 'x'].map(
    (typ) => [`typ ${typ}`, () => make({ header: { typ } })] as [string, () => Promise<string>],
  ),
  ['garbage', () => 'garbage'],
  ['empty parts', () => '..'],
  ['two parts', () => `${encode({ alg: 'RS256', kid: 'one' })}.${signedPayload}`],
  ['four parts', async () => `${await make()}.x`],
  ['five parts, as if encrypted', () => 'a.b.c.d.e'],
  ['a header that is no JSON', () => raw('{', good(), signature)],
  ['a payload that is a list', () => raw({ alg: 'RS256', kid: 'one' }, [], signature)],
  ['a header nested too deeply', () => raw(`${'['.repeat(2_000)}${']'.repeat(2_000)}`, good(), signature)],
  ['JSON instead of the compact form', () => encode({ payload: signedPayload, signature })],
];

/** Attacks by what they try. */
const ATTACKS = { algorithms: ALGORITHMS, keys: KEYS, claims: CLAIMS, forms: FORMS };

describe.each(TRANSPORTS)('over %s', (transport) => {
  const ask = ASKS[transport];

  test.for(Object.entries(ATTACKS))('no token gets in by its %s', async ([, attacks], { server, db }) => {
    await expectNothingWritten(db.pool, async () => {
      for (const [what, token] of attacks) {
        const { data, errors } = await ask(server, { query: ME }, await token());
        expect(errors, what).toBeUndefined();
        expect(data!.me, what).toBeNull();
        expect(data!.gifts, what).toHaveLength(6);
      }
    });
    expect(new Set(asked)).toEqual(new Set(['/jwks']));
  });

  test('nothing is subscribed to with a token that does not hold', async ({ server }) => {
    if (transport === 'GET') return expect((await ask(server, { query: 'mutation { __typename }' })).status).toBe(405);
    for (const attacks of Object.values(ATTACKS)) {
      const token = await attacks[0]![1]();
      const { errors } = await ask(server, { query: 'subscription { walletUpdates { coins } }' }, token);
      expect(errors).toHaveLength(1);
      if (transport !== 'POST') expect(errors![0]!.extensions?.code).toBe('NOT_SIGNED_IN');
    }
  });

  test('what is right in another way holds', async ({ server }) => {
    const handle = freshHandle('holds');
    const named = { sub: handle, preferred_username: handle };
    const tokens: [string, Made][] = [
      // First, since the seconds count in which clocks may differ. A socket is acknowledged and then ends with it.
      ...(transport === 'WebSocket'
        ? []
        : [['expired by less than clocks may differ', { claims: { exp: nowS() } }] as [string, Made]]),
      ['of the second key', { header: { kid: 'two' }, key: two!.privateKey }],
      ['of an elliptic key', { header: { alg: 'ES256', kid: 'elliptic' }, key: elliptic.privateKey }],
      ['an access token by its type', { header: { typ: 'at+jwt' } }],
      ['the same in full', { header: { typ: 'application/at+jwt' } }],
      ['for several audiences', { claims: { aud: ['https://other.example.com', AUDIENCE] } }],
      ['without iat', { claims: { iat: undefined } }],
      ['for a month', { claims: { exp: nowS() + 30 * DAY_S } }],
    ];
    for (const [what, made] of tokens) {
      const token = await make({ ...made, claims: { ...named, ...made.claims } });
      const { data } = await ask(server, { query: ME }, token);
      expect(data!.me, what).toEqual({ handle });
    }
  });

  test('subjects are compared by every character', async ({ server }) => {
    const sub = freshHandle('sub');
    const subjects = [
      sub,
      ` ${sub}`,
      `${sub} `,
      sub.toUpperCase(),
      `${sub}'--`,
      `${sub}é`,
      `${sub}e\u0301`,
      `${sub}${'x'.repeat(3_000)}`,
    ];
    const seen = [];
    for (const subject of subjects) {
      const { data } = await ask(server, { query: '{ me { id } }' }, await make({ claims: { sub: subject } }));
      seen.push((data!.me as { id: string }).id);
    }
    expect(new Set(seen).size).toBe(subjects.length);
  });
});

test('a claim that stands twice is read once, as the last says, whoever reads it', async ({ server }) => {
  const [first, last] = [freshHandle('first'), freshHandle('last')];
  const text = JSON.stringify({ ...good(), sub: undefined }).slice(0, -1);
  const payload = `${text},"sub":"${first}","sub":"${last}","preferred_username":"${last}"}`;
  const { CompactSign } = await import('jose');
  const token = await new CompactSign(new TextEncoder().encode(payload))
    .setProtectedHeader({ alg: 'RS256', kid: 'one' })
    .sign(one!.privateKey);
  for (const ask of Object.values(ASKS)) {
    expect((await ask(server, { query: ME }, token)).data!.me).toEqual({ handle: last });
  }
});

test('a token longer than any is nobody’s: no header carries it, and a socket that does stays anonymous', async ({
  server,
}) => {
  const token = await make({ claims: { padding: 'x'.repeat(13_000) } });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const response = await fetch(server.url, { method: 'POST', headers, body: JSON.stringify({ query: ME }) });
  expect(response.status).toBe(431);
  expect((await ASKS.WebSocket(server, { query: ME }, token)).data!.me).toBeNull();
  const fits = await make({ claims: { sub: freshHandle('fits'), padding: 'x'.repeat(10_000) } });
  expect((await ASKS.WebSocket(server, { query: ME }, fits)).data!.me).not.toBeNull();
});

test('a token in the address is no token', async ({ server }) => {
  const token = await make();
  for (const name of ['token', 'access_token', 'authorization', 'Authorization']) {
    const url = `${server.url}?${new URLSearchParams({ query: ME, [name]: name.length > 12 ? `Bearer ${token}` : token })}`;
    const read = (await (await fetch(url)).json()) as { data: { me: unknown } };
    expect(read.data.me, name).toBeNull();
    const headers = { 'content-type': 'application/json' };
    const posted = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query: ME }) });
    expect(((await posted.json()) as { data: { me: unknown } }).data.me, name).toBeNull();
  }
});

test('headers that are no bearer tokens are none', async ({ server }) => {
  const token = await make();
  for (const authorization of [token, `Basic ${token}`, `Bearer`, `Bearer ${token} ${token}`, `Bearer ${token},x`]) {
    const headers = { authorization, 'content-type': 'application/json' };
    const response = await fetch(server.url, { method: 'POST', headers, body: JSON.stringify({ query: ME }) });
    expect(((await response.json()) as { data: { me: unknown } }).data.me, authorization.slice(0, 12)).toBeNull();
  }
});

test('a socket ends with its token, and a fresh one goes on behind the last cursor', async ({ server }) => {
  const creator = server.http(await make({ claims: { sub: freshHandle('creator') } }));
  const start = 'mutation { startStream(input: {title: "Live"}) { ... on StartStreamSuccess { stream { id } } } }';
  const started = await creator.request<{ startStream: { stream: { id: string } } }>(start);
  const streamId = started.data!.startStream.stream.id;
  const sub = freshHandle('watcher');
  const short = await server.ws({ token: await make({ claims: { sub, exp: nowS() + SHORT_LIFE_S } }) });
  type Edge = { liveEvents: { cursor: string; node: { seq: number } } };
  const feed = short.subscribe<Edge>(LIVE_EVENTS, { streamId, after: '' });
  const { cursor } = (await feed.next()).liveEvents;
  expect(await short.untilClosed(3 * SHORT_LIFE_S * 1_000)).toEqual({ code: 4403, reason: 'Token expired' });
  const say = 'mutation Say($input: SendChatMessageInput!) { sendChatMessage(input: $input) { __typename } }';
  const said = await creator.request(say, { input: { streamId, text: 'Hello', idempotencyKey: randomUUID() } });
  expect(said.data).toEqual({ sendChatMessage: { __typename: 'SendChatMessageSuccess' } });
  const fresh = await server.ws({ token: await make({ claims: { sub } }) });
  expect((await fresh.subscribe<Edge>(LIVE_EVENTS, { streamId, after: cursor }).next()).liveEvents.node.seq).toBe(2);
});
