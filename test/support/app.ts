/** The app as tests configure it. */
import { pino } from 'pino';
import { type App, type AppOverrides, createApp } from '../../src/app.ts';
import type { Config, LogLevel } from '../../src/config.ts';

/** How a test's app differs from the usual one: demo sign-in, memory bus, no simulation, any free port. */
export type TestAppOptions = {
  databaseUrl: string;
  dataDir: string;
  /** Undefined: the bus in memory. */
  redisUrl?: string | undefined;
  /** Other settings. */
  config?: Partial<Config> | undefined;
  /** Replaced parts. */
  overrides?: AppOverrides | undefined;
};

/** How subscriptions are delivered; TEST_FAN_OUT=alone executes each by itself. */
export const FAN_OUT = { shared: process.env.TEST_FAN_OUT !== 'alone', windowMs: 20 };

/** Tests ask for more than people do; those of the limits set their own. */
export const NO_RATE_LIMITS = { viewer: 0, money: 0, ip: 0, viewerCost: 0, ipCost: 0, requests: 0, loopback: false };

/** Likewise: a test's crowd is one address, and often one viewer. */
export const NO_CONNECTION_LIMITS = { viewer: 0, ip: 0, loopback: false };

/** How much servers log. TEST_LOG_LEVEL=debug shows what they say. */
export const LOG_LEVEL = (process.env.TEST_LOG_LEVEL ?? 'silent') as LogLevel;

/** A crowd's statements wait for each other's connections, on a slow machine for longer than people should. */
const CONNECT_MS_MAX = 60_000;

/** What a crowd never reaches: tests of gifts count events, and a level would be one more. */
const NO_LEVELS = { steps: [Number.MAX_SAFE_INTEGER] };

/** Builds an app that does not listen yet. */
export function createTestApp(options: TestAppOptions): Promise<App> {
  const { databaseUrl, dataDir, redisUrl } = options;
  const overrides: AppOverrides = {
    connectMsMax: CONNECT_MS_MAX,
    ...options.overrides,
    community: { goals: NO_LEVELS, ...options.overrides?.community },
  };
  const config: Config = {
    port: 0,
    host: '127.0.0.1',
    databaseUrl,
    databaseReplicaUrl: undefined,
    redisUrl,
    dataDir,
    auth: { mode: 'demo' },
    operators: ['demo:operator'],
    voucherSecret: undefined,
    stripe: undefined,
    simulate: false,
    rateLimits: NO_RATE_LIMITS,
    connectionLimits: NO_CONNECTION_LIMITS,
    trustProxy: 0,
    allowedOrigins: [],
    introspection: true,
    persistedDocuments: [],
    persistedOnly: false,
    eventRetentionDays: undefined,
    metrics: { port: undefined, token: undefined },
    drain: { delayMs: 0, spreadMs: 0 },
    traces: false,
    fanOut: FAN_OUT,
    logLevel: LOG_LEVEL,
    ...options.config,
  };
  return createApp(config, { log: pino({ level: config.logLevel }), databaseUrl, overrides });
}
