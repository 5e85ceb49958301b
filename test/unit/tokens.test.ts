/** A token that held is remembered for a while: never beyond its expiry, and only briefly after its key was withdrawn. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { pino } from 'pino';
import { test as base, expect, vi } from 'vitest';
import { createTokens, REMEMBER_MS_MAX } from '../../src/domains/accounts/tokens.ts';

const log = pino({ level: 'silent' });
const SECRET = 'a secret that only this test and its tokens know';
/** For so long jose keeps the keys of a JWKS URL. */
const KEYS_KEPT_MS = 10 * 60 * 1000;
/** So late a token is still taken. */
const TOLERANCE_S = 5;

/** A clock that stands still until the test moves it. */
const test = base
  .extend('clock', async ({ task: _task }, { onCleanup }) => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onCleanup(() => {
      vi.useRealTimers();
    });
    const start = Math.floor(Date.now() / 1000) * 1000;
    return { start, set: (ms: number) => vi.setSystemTime(start + ms) };
  })
  .extend('provider', async ({ clock: _clock }, { onCleanup }) => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const published = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }] };
    let asked = 0;
    const http = createServer((_request, response) => {
      asked++;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(published));
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    onCleanup(() => {
      http.close();
      http.closeAllConnections();
    });
    return {
      jwksUrl: `http://127.0.0.1:${(http.address() as AddressInfo).port}/`,
      token: await new SignJWT({ sub: 'one' })
        .setProtectedHeader({ alg: 'RS256', kid: 'one' })
        .setExpirationTime('1h')
        .sign(privateKey),
      withdraw: () => published.keys.splice(0),
      asked: () => asked,
    };
  });

function signed(claims: JWTPayload): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(SECRET));
}

test('a remembered token expires when it says so', async ({ clock }) => {
  const tokens = createTokens({ secret: SECRET }, log);
  const token = await signed({ sub: 'one', exp: clock.start / 1000 + 10 });
  const claims = {
    subject: 'one',
    expiresAt: new Date(clock.start + 10_000),
    handle: undefined,
    displayName: undefined,
  };
  for (const ms of [0, 1, 9_999, 10_000, (10 + TOLERANCE_S) * 1000 - 1]) {
    clock.set(ms);
    expect(await tokens.check(token), `${ms}`).toEqual({ ok: true, claims });
  }
  clock.set((10 + TOLERANCE_S) * 1000);
  expect(await tokens.check(token)).toEqual({ ok: false, reason: 'expired' });
});

test('while it is remembered nobody is asked; a withdrawn key counts so much longer, and no more', async ({
  clock,
  provider,
}) => {
  const tokens = createTokens({ jwksUrl: provider.jwksUrl }, log);
  expect((await tokens.check(provider.token)).ok).toBe(true);
  clock.set(KEYS_KEPT_MS - 1);
  expect((await tokens.check(provider.token)).ok).toBe(true);
  provider.withdraw();
  clock.set(KEYS_KEPT_MS - 1 + REMEMBER_MS_MAX - 1);
  expect((await tokens.check(provider.token)).ok).toBe(true);
  expect(provider.asked()).toBe(1);
  clock.set(KEYS_KEPT_MS - 1 + REMEMBER_MS_MAX);
  expect(await tokens.check(provider.token)).toEqual({ ok: false, reason: 'invalid' });
  expect(provider.asked()).toBe(2);
  expect(await tokens.check(provider.token)).toEqual({ ok: false, reason: 'invalid' });
});

test('what does not hold is not remembered, and what resembles a remembered token is not it', async ({ clock }) => {
  const tokens = createTokens({ secret: SECRET }, log);
  const later = await signed({ sub: 'one', nbf: clock.start / 1000 + 60, exp: clock.start / 1000 + 600 });
  expect(await tokens.check(later)).toEqual({ ok: false, reason: 'invalid' });
  clock.set(60_000);
  expect((await tokens.check(later)).ok).toBe(true);
  const [header, payload, signature] = later.split('.') as [string, string, string];
  const raised = Buffer.from(JSON.stringify({ sub: 'two', exp: clock.start / 1000 + 600 })).toString('base64url');
  for (const forged of [`${header}.${raised}.${signature}`, `${header}.${payload}.`, `${later}x`, ` ${later}`]) {
    expect(await tokens.check(forged), forged).toEqual({ ok: false, reason: 'invalid' });
  }
});
