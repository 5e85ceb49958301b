/** Whose address counts, and what of it. */
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { clientNetwork, isLoopback } from '../../src/graphql/client-address.ts';

function networkOf(remoteAddress: string, forwardedFor?: string, proxies = 0): string {
  const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor };
  return clientNetwork({ headers, socket: { remoteAddress } } as IncomingMessage, proxies);
}

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002:ffff::', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '::1'],
])('%s counts as %s', (remote, network) => {
  expect(networkOf(remote)).toBe(network);
});

test.each([
  ['no proxy is believed', '198.51.100.1', 0, '10.0.0.1'],
  ['one proxy wrote the last entry', '198.51.100.1, 203.0.113.7', 1, '203.0.113.7'],
  ['two proxies', '198.51.100.1, 203.0.113.7, 10.0.0.2', 2, '203.0.113.7'],
  ['more proxies than entries', '203.0.113.7', 3, '203.0.113.7'],
  ['a port', '203.0.113.7:4711', 1, '203.0.113.7'],
  ['brackets and a port', '[2001:db8::1]:4711', 1, '2001:db8:0:0::/64'],
  ['no address', 'unknown', 1, '10.0.0.1'],
  ['nothing', '', 1, '10.0.0.1'],
])('%s', (_, header, proxies, network) => {
  expect(networkOf('10.0.0.1', header, proxies)).toBe(network);
});

test('this machine is this machine', () => {
  expect(['127.0.0.1', '::1', '::ffff:127.0.0.1', '127.9.9.9'].map((one) => isLoopback(networkOf(one)))).toEqual(
    Array(4).fill(true),
  );
  expect(isLoopback(networkOf('128.0.0.1'))).toBe(false);
});
