import type { Logger } from 'pino';
import type { PeerVersions } from './lib/peers.ts';
import type { BenchRedis } from './lib/redis.ts';
import type { BenchServer } from './lib/server.ts';
import type { Section } from './report/section.ts';

/** What all scenarios are given. */
export type BenchContext = {
  /** Postgres of the benchmarks' own. Databases that a scenario makes are its own to drop. */
  postgres: BenchServer;
  /** Undefined where no redis-server is on the PATH: what needs one is left out, and says so. */
  redis: BenchRedis | undefined;
  peers: PeerVersions;
  /** A smoke run: everything small and short. The figures mean nothing. */
  quick: boolean;
  /** How often each variant is measured, in turns. */
  rounds: number;
  log: Logger;
  signal: AbortSignal;
};

/** One chapter of the benchmarks. */
export type Scenario = {
  /** For `--only`. */
  name: string;
  run: (context: BenchContext) => Promise<Section>;
};
