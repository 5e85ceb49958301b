/** The session of docs/clients.md. */
import { expect, test, vi } from 'vitest';
import { keepToken } from '../../examples/clients/session.ts';

const lasting = (token: string, ms: number) => ({ token, expiresAt: new Date(Date.now() + ms).toISOString() });
const HOUR_MS = 3_600_000;

test('a token is fetched once, for all who ask, until it runs out or is refused', async () => {
  const fetchToken = vi
    .fn()
    .mockImplementationOnce(async () => lasting('short', 1_000))
    .mockImplementationOnce(async () => lasting('first', HOUR_MS))
    .mockImplementationOnce(async () => lasting('second', HOUR_MS));
  const session = keepToken(fetchToken);
  expect(await Promise.all([session.token(), session.token(), session.token()])).toEqual(['first', 'first', 'first']);
  expect(await session.token()).toBe('first');
  expect(fetchToken).toHaveBeenCalledTimes(2);
  session.expired();
  expect(await session.token()).toBe('second');
});

test('a token that could not be fetched is asked for again', async () => {
  const fetchToken = vi
    .fn()
    .mockRejectedValueOnce(new TypeError('fetch failed'))
    .mockImplementation(async () => lasting('first', HOUR_MS));
  const session = keepToken(fetchToken);
  await expect(session.token()).rejects.toThrow('fetch failed');
  expect(await session.token()).toBe('first');
});
