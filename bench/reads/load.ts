/** Loads a server with one request over and over, see `load.api.ts`. */
import { Agent, type IncomingMessage, request } from 'node:http';
import { serveCommands } from '../lib/commands.ts';
import { quantile } from '../lib/stats.ts';
import type { LoadCommands, LoadOptions, LoadReport } from './load.api.ts';

async function run({ url, body, token, connections, durationMs }: LoadOptions): Promise<LoadReport> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const send = () =>
    new Promise<void>((resolve, reject) => {
      request(url, { method: 'POST', agent, headers }, (response: IncomingMessage) => {
        if (response.statusCode !== 200) reject(new Error(`HTTP ${response.statusCode}`));
        response.resume().once('end', resolve).once('error', reject);
      })
        .once('error', reject)
        .end(body);
    });
  const endMs = performance.now() + durationMs;
  const latenciesMs: number[] = [];
  const loop = async (): Promise<void> => {
    for (let startMs = performance.now(); startMs < endMs; startMs = performance.now()) {
      await send();
      latenciesMs.push(performance.now() - startMs);
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, loop));
  } finally {
    agent.destroy();
  }
  return { requests: latenciesMs.length, p50Ms: quantile(latenciesMs, 0.5), p99Ms: quantile(latenciesMs, 0.99) };
}

serveCommands({ run } satisfies LoadCommands);
