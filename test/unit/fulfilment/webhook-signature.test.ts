/** Signatures of webhooks: of this body, with this secret, just now. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSigned, signWebhook } from '../../../src/domains/fulfilment/partners/webhook-signature.ts';

const SECRET = 'whsec_of this test';
const NOW_S = 1_800_000_000;
const BODY = Buffer.from('{"id":"evt_1"}');
const check = (header: unknown, differences: Partial<Parameters<typeof isSigned>[1]> = {}) =>
  isSigned(header, { secret: SECRET, body: BODY, nowS: NOW_S, ...differences });

test('a signature is what the documentation says, so that others can make it', () => {
  const hmac = createHmac('sha256', SECRET).update(`${NOW_S}.{"id":"evt_1"}`).digest('hex');
  expect(signWebhook(SECRET, NOW_S, BODY)).toBe(`t=${NOW_S},v1=${hmac}`);
  expect(check(`t=${NOW_S},v1=${hmac}`)).toBe(true);
});

test.each([
  ['just now', 0, true],
  ['as old as it may be', -300, true],
  ['too old', -301, false],
  ['as far ahead as clocks may be', 30, true],
  ['from the future', 31, false],
  ['from long ago', -NOW_S, false],
])('a signature %s', (_what, offsetS, holds) => {
  expect(check(signWebhook(SECRET, NOW_S + offsetS, BODY))).toBe(holds);
});

test('no signature, or none of the form, is none', () => {
  const good = signWebhook(SECRET, NOW_S, BODY);
  for (const header of [
    undefined,
    '',
    'garbage',
    ['a', 'b'],
    good.slice(0, -1),
    `${good}0`,
    `${good},v1=${'0'.repeat(64)}`,
    ` ${good}`,
    good.replace('v1', 'v0'),
    good.replace('t=', 't=-'),
    good.replace(/v1=.*/, `v1=${'é'.repeat(64)}`),
    good.toUpperCase(),
  ]) {
    expect(check(header), String(header)).toBe(false);
  }
});

test('another body, secret or time is another signature', () => {
  const good = signWebhook(SECRET, NOW_S, BODY);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(check(good, { body: Buffer.from(bytes) })).toBe(Buffer.compare(Buffer.from(bytes), BODY) === 0);
    }),
  );
  expect(check(good, { secret: `${SECRET}!` })).toBe(false);
  expect(check(good.replace(String(NOW_S), String(NOW_S + 1)))).toBe(false);
});
