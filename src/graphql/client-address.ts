import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Groups of an IPv6 address that name a network: one household or one server has as many addresses in it as it likes. */
const IPV6_NETWORK_GROUPS = 4;
const IPV6_GROUPS = 8;

/**
 * The network that a request comes from: an IPv4 address, or the /64 of an IPv6 address.
 * @param proxies how many proxies in front of the server are believed: each appends to X-Forwarded-For whom it got the request
 *   from, so that many entries from the right are true. Whatever a client writes there itself stands further left.
 */
export function clientNetwork(request: Pick<IncomingMessage, 'headers' | 'socket'>, proxies: number): string {
  const remote = request.socket.remoteAddress ?? '';
  const header = String(request.headers['x-forwarded-for'] ?? '');
  const hops = [...(header === '' ? [] : header.split(',')), remote];
  const claimed = plainAddress(hops[Math.max(hops.length - 1 - proxies, 0)]!);
  return networkOf(isIP(claimed) === 0 ? plainAddress(remote) : claimed);
}

/** Whether a network is this machine's own. */
export function isLoopback(network: string): boolean {
  return network.startsWith('127.') || network === LOOPBACK_IPV6;
}

/** Without spaces, brackets, a port or the name of an interface; an IPv4 address in IPv6 is an IPv4 address. */
function plainAddress(text: string): string {
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(text.trim()) ?? [];
  const [, withPort] = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text.trim()) ?? [];
  const [address] = (bracketed ?? withPort ?? text.trim()).split('%', 1);
  return address!.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}

function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [left = '', right] = address.toLowerCase().split('::');
  const groups = (half: string) =>
    half === '' ? [] : half.split(':').map((group) => Number.parseInt(group, 16).toString(16));
  const [head, tail] = [groups(left), right === undefined ? [] : groups(right)];
  const zeros = Array.from({ length: Math.max(IPV6_GROUPS - head.length - tail.length, 0) }, () => '0');
  const all = right === undefined ? head : [...head, ...zeros, ...tail];
  if (all.join(':') === '0:0:0:0:0:0:0:1') return LOOPBACK_IPV6;
  return `${all.slice(0, IPV6_NETWORK_GROUPS).join(':')}::/64`;
}

const LOOPBACK_IPV6 = '::1';
