import type { IncomingMessage } from 'node:http';
import { clientNetwork, isLoopback } from './client-address.ts';

/** How many connections may be open at once; 0 is no limit. */
export type ConnectionLimits = {
  /** Of one viewer. */
  viewer: number;
  /** Of one IP address; for IPv6 of one /64 network. */
  ip: number;
  /** Whether this machine's own addresses are limited, too. */
  loopback: boolean;
  /** Proxies whose X-Forwarded-For is believed. */
  trustProxy: number;
};

/** Lets go of a place; may be called more than once. */
export type Release = () => void;

/**
 * Counts what stays open, WebSockets and streams of events together, per viewer and per address. In this process: behind a load
 * balancer, N servers let through N times as many.
 */
export class Connections {
  readonly #networks = new Map<string, number>();
  readonly #viewers = new Map<string, number>();

  constructor(private readonly limits: ConnectionLimits) {}

  /** A place for a connection from where the request comes; undefined when there is none left. */
  fromNetwork(request: Pick<IncomingMessage, 'headers' | 'socket'>): Release | undefined {
    if (this.limits.ip === 0) return nothing;
    const network = clientNetwork(request, this.limits.trustProxy);
    if (isLoopback(network) && !this.limits.loopback) return nothing;
    return take(this.#networks, network, this.limits.ip);
  }

  /** A place for a connection of a viewer; undefined when there is none left. */
  ofViewer(id: bigint): Release | undefined {
    return this.limits.viewer === 0 ? nothing : take(this.#viewers, String(id), this.limits.viewer);
  }

  /** Addresses and viewers that are counted. */
  get counted(): number {
    return this.#networks.size + this.#viewers.size;
  }
}

function nothing(): void {}

function take(counts: Map<string, number>, key: string, max: number): Release | undefined {
  const open = counts.get(key) ?? 0;
  if (open >= max) return undefined;
  counts.set(key, open + 1);
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    const left = counts.get(key)! - 1;
    if (left === 0) counts.delete(key);
    else counts.set(key, left);
  };
}
