/** Tokens that are checked with the keys that an identity provider publishes. */
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { test as base, expect } from 'vitest';
import { cloneDatabase } from '../support/database.ts';
import { freshHandle, mutate, query } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { QUIET } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

const ALGORITHM = 'RS256';
const ME = '{ me { handle } gifts { name } }';

type Me = { me: { handle: string } | null; gifts: unknown[] };

/** An identity provider: it signs with its key, and publishes the public half. */
async function startProvider() {
  const keys = await generateKeyPair(ALGORITHM, { extractable: true });
  const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', alg: ALGORITHM, use: 'sig' }] };
  const http = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(jwks));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return { http, publicKey: keys.publicKey, sign: (sub: string, kid = 'one') => sign(keys.privateKey, sub, kid) };
}

function sign(key: CryptoKey | Uint8Array, sub: string, kid: string, alg = ALGORITHM): Promise<string> {
  return new SignJWT({ sub, preferred_username: sub })
    .setProtectedHeader({ alg, kid })
    .setExpirationTime('1h')
    .sign(key);
}

function stop(http: HttpServer): Promise<void> {
  http.closeAllConnections();
  return new Promise((resolve) => http.close(() => resolve()));
}

const test = base
  .extend('provider', async ({ task: _task }, { onCleanup }) => {
    const provider = await startProvider();
    onCleanup(() => stop(provider.http));
    return provider;
  })
  .extend('db', async ({ task: _task }, { onCleanup }) => {
    const db = await cloneDatabase();
    onCleanup(() => db.drop());
    return db;
  })
  .extend('server', async ({ db, provider }, { onCleanup }) => {
    const url = `http://127.0.0.1:${(provider.http.address() as AddressInfo).port}/jwks`;
    const server = await startServer({ ...QUIET, databaseUrl: db.url, config: { auth: { mode: 'jwks', url } } });
    onCleanup(() => server.close());
    return server;
  });

test('a token that the provider has signed holds, over HTTP and over WebSocket', async ({ server, provider }) => {
  const handle = freshHandle();
  const token = await provider.sign(handle);
  expect((await query<Me>(server.http(token), ME)).me).toEqual({ handle });
  const socket = await server.ws({ token });
  expect((await socket.query<Me>(ME)).data!.me).toEqual({ handle });
});

test('tokens of other keys do not hold, also not one that takes the public key for a secret', async ({
  server,
  db,
  provider,
}) => {
  const stranger = await generateKeyPair(ALGORITHM);
  const publicKey = new TextEncoder().encode(await exportSPKI(provider.publicKey));
  const tokens = [
    ['of another key', await sign(stranger.privateKey, 'layla', 'one')],
    ['of an unknown key', await sign(stranger.privateKey, 'layla', 'two')],
    ['of a known key under another name', await provider.sign('layla', 'two')],
    ['signed with the public key', await sign(publicKey, 'layla', 'one', 'HS256')],
  ] as const;
  await expectNothingWritten(db.pool, async () => {
    for (const [what, token] of tokens) {
      const read = await query<Me>(server.http(token), ME);
      expect(read, what).toMatchObject({ me: null });
      expect(read.gifts, what).toHaveLength(6);
      const outcome = await mutate(server.http(token), 'startStream', { title: 'Live' });
      expect(outcome, what).toMatchObject({ __typename: 'NotSignedInError', code: 'NOT_SIGNED_IN' });
    }
  });
});

test('while the provider is away, what is public is read, and known keys still hold', async ({ server, provider }) => {
  const [early, late] = [freshHandle('early'), freshHandle('late')];
  await query<Me>(server.http(await provider.sign(early)), ME);
  await stop(provider.http);
  expect((await query<Me>(server.http(await provider.sign(late)), ME)).me).toEqual({ handle: late });
  expect((await query<Me>(server.http(), ME)).gifts).toHaveLength(6);
});

test('when the provider was never reached, what is public is still read with a token that cannot be checked', async ({
  server,
  provider,
}) => {
  const token = await provider.sign(freshHandle());
  await stop(provider.http);
  const read = await query<Me>(server.http(token), ME);
  expect(read.me).toBeNull();
  expect(read.gifts).toHaveLength(6);
});
