import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { StartError } from './kernel/start-error.ts';

/** The levels that LOG_LEVEL accepts: pino's own and `silent`. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** How much is logged. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** How tokens are checked. `demo`: Hadiya issues them itself, to anybody. */
export type AuthConfig =
  | { mode: 'demo' }
  | (({ mode: 'secret'; secret: string } | { mode: 'jwks'; url: string }) & {
      /** What a token must have in `aud` and `iss`. Undefined: anything. */
      audience?: string | undefined;
      issuer?: string | undefined;
    });

/** The account at Stripe that charges, and the secret that it signs webhooks with. */
export type StripeConfig = { secretKey: string; webhookSecret: string };

/** Per minute; 0 is no limit. */
export type RateLimitsConfig = {
  /** Root fields of each viewer; of them, those that move money; root fields of each IP address. */
  viewer: number;
  money: number;
  ip: number;
  /** What the operations of each viewer cost, and those of each IP address. */
  viewerCost: number;
  ipCost: number;
  /** Requests of each IP address to this server. */
  requests: number;
  /** Whether this machine's own addresses are limited, too. */
  loopback: boolean;
};

/** Connections open at once: of each viewer, of each IP address. */
export type ConnectionLimitsConfig = {
  viewer: number;
  ip: number;
  /** Whether this machine's own addresses are limited, too. */
  loopback: boolean;
};

/** Everything that the environment decides. */
export type Config = {
  /** 0 stands for any free port. */
  port: number;
  host: string;
  /** Undefined: the embedded Postgres. */
  databaseUrl: string | undefined;
  /** A copy of the database that queries may read from. Undefined: there is none. */
  databaseReplicaUrl: string | undefined;
  /** One URL, or several of a Redis Cluster between commas. Undefined: the in-memory bus. */
  redisUrl: string | undefined;
  /** Absolute. Home of the embedded Postgres. */
  dataDir: string;
  auth: AuthConfig;
  /** Subjects of tokens that run the platform (`sub` claims); in demo mode also the handle `operator`. */
  operators: string[];
  /** What voucher codes follow from, the same on all servers. Undefined: a file in `dataDir`, made once. */
  voucherSecret: string | undefined;
  /** Undefined: payments are those of the sandbox. */
  stripe: StripeConfig | undefined;
  /** Whether simulated viewers keep the demo streams alive. */
  simulate: boolean;
  rateLimits: RateLimitsConfig;
  /** WebSockets and streams of events open at once, on this server; 0 is no limit. */
  connectionLimits: ConnectionLimitsConfig;
  /** Proxies in front of this server, whose X-Forwarded-For is believed. */
  trustProxy: number;
  /** Origins of web pages elsewhere that may call the API, such as `https://shop.example.com`. */
  allowedOrigins: string[];
  /** Whether clients may ask for the schema, and are told names close to one that is wrong. */
  introspection: boolean;
  /** Manifests of the documents that clients may send by their hash: files, or directories of them. */
  persistedDocuments: string[];
  /** Whether nothing but those documents is executed. */
  persistedOnly: boolean;
  /** For how many days after its end the log of a stream is kept; undefined: for ever. */
  eventRetentionDays: number | undefined;
  /** Who may read the metrics. */
  metrics: {
    /** A port of their own; undefined: there is none. */
    port: number | undefined;
    /** What must be brought to read them on the main port. */
    token: string | undefined;
  };
  /** How the server stops. */
  drain: {
    /** For so long it says that it is not ready, and serves. */
    delayMs: number;
    /** Over so long it closes sockets and event streams. */
    spreadMs: number;
  };
  /** Whether traces are sent; where to, OpenTelemetry's own variables say. */
  traces: boolean;
  /** How subscriptions are delivered. */
  fanOut: { shared: boolean; windowMs: number };
  logLevel: LogLevel;
};

/** The environment is wrong. `problems` has one line for each wrong variable, `message` all of them. */
export class ConfigError extends StartError {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

const PORT_DEFAULT = 4000;
const PORT_MAX = 65_535;
const SECRET_CHARS_MIN = 32;
const STRIPE_NAMES = ['STRIPE_SECRET_KEY', 'STRIPE_WEBHOOK_SECRET'] as const;
const SHOWN_CHARS_MAX = 40;
/** The subject of the demo's operator. */
const DEMO_OPERATOR = 'demo:operator';
const FLUSH_WINDOW_MS_DEFAULT = 20;
/** A viewer sees an event later by the window at the most. */
const FLUSH_WINDOW_MS_MAX = 1_000;

/** A lively person taps ten times a second for a while; an address may be that of many people. */
const RATE_LIMIT_DEFAULTS = {
  RATE_LIMIT_VIEWER: 6_000,
  RATE_LIMIT_MONEY: 3_000,
  RATE_LIMIT_IP: 60_000,
  // 1,000 for each root field: ten times a gift, and fifty of the costliest operations.
  RATE_LIMIT_COST_VIEWER: 6_000_000,
  RATE_LIMIT_COST_IP: 60_000_000,
  // A network of a mobile operator, with as many connections as it may have, 24 requests over each.
  REQUEST_LIMIT_IP: 120_000,
} as const;
const RATE_LIMIT_MAX = 10_000_000;
const RATE_LIMIT_COST_MAX = 10_000_000_000;
/** Set, they hold for this machine's own addresses, too. */
const ADDRESS_LIMITS = ['RATE_LIMIT_IP', 'RATE_LIMIT_COST_IP', 'REQUEST_LIMIT_IP'] as const;
/** Somebody with many tabs and devices; a network of a mobile operator. */
const CONNECTION_LIMIT_DEFAULTS = { CONNECTION_LIMIT_VIEWER: 50, CONNECTION_LIMIT_IP: 5_000 } as const;
const CONNECTION_LIMIT_MAX = 1_000_000;
const TRUST_PROXY_MAX = 10;
/** Settlements and boards fold the log for weeks after a stream. */
const RETENTION_DAYS_MIN = 30;
const RETENTION_DAYS_MAX = 36_500;

/** Together with what requests may take to end (10 s) less than the 30 s that Kubernetes gives. */
const DRAIN_DELAY_MS_MAX = 10_000;
const DRAIN_SPREAD_MS_MAX = 8_000;
const DRAIN_SPREAD_MS_DEFAULT = 5_000;

/** Reads single variables; collects what is wrong with them. */
type Reader = { get(name: string): string | undefined; problem(line: string): void };

/**
 * Turns the environment into a typed config. An empty variable counts as unset.
 * @throws ConfigError with every problem at once. No message repeats a secret or a URL.
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const problems: string[] = [];
  const reader: Reader = {
    get: (name) => env[name] || undefined,
    problem: (line) => problems.push(line),
  };
  const auth = readAuth(reader);
  const demo = auth.mode === 'demo';
  const persistedDocuments = readList(reader, 'PERSISTED_DOCUMENTS').map((path) => resolve(path));
  const config: Config = {
    port: readPort(reader),
    // In demo mode anybody may sign in as anybody: only this machine gets to.
    host: readHost(reader) ?? (demo ? '127.0.0.1' : '0.0.0.0'),
    databaseUrl: readDatabaseUrl(reader, 'DATABASE_URL'),
    databaseReplicaUrl: readDatabaseUrl(reader, 'DATABASE_REPLICA_URL'),
    redisUrl: readRedisUrl(reader),
    dataDir: resolve(reader.get('DATA_DIR') ?? '.data'),
    auth,
    operators: [...readList(reader, 'OPERATORS'), ...(demo ? [DEMO_OPERATOR] : [])],
    voucherSecret: readSecret(reader, 'VOUCHER_SECRET'),
    stripe: readStripe(reader),
    simulate: readSwitch(reader, 'SIMULATE') ?? demo,
    rateLimits: {
      viewer: readRateLimit(reader, 'RATE_LIMIT_VIEWER'),
      money: readRateLimit(reader, 'RATE_LIMIT_MONEY'),
      ip: readRateLimit(reader, 'RATE_LIMIT_IP'),
      viewerCost: readRateLimit(reader, 'RATE_LIMIT_COST_VIEWER', RATE_LIMIT_COST_MAX),
      ipCost: readRateLimit(reader, 'RATE_LIMIT_COST_IP', RATE_LIMIT_COST_MAX),
      requests: readRateLimit(reader, 'REQUEST_LIMIT_IP'),
      loopback: ADDRESS_LIMITS.some((name) => reader.get(name) !== undefined),
    },
    connectionLimits: {
      viewer: readConnectionLimit(reader, 'CONNECTION_LIMIT_VIEWER'),
      ip: readConnectionLimit(reader, 'CONNECTION_LIMIT_IP'),
      loopback: reader.get('CONNECTION_LIMIT_IP') !== undefined,
    },
    trustProxy: readTrustProxy(reader),
    allowedOrigins: readOrigins(reader),
    introspection: readSwitch(reader, 'INTROSPECTION') ?? demo,
    persistedDocuments,
    persistedOnly: readPersistedOnly(reader, persistedDocuments),
    eventRetentionDays: readRetention(reader),
    metrics: { port: readMetricsPort(reader), token: readSecret(reader, 'METRICS_TOKEN') },
    drain: {
      delayMs: readMilliseconds(reader, 'DRAIN_DELAY_MS', 0, DRAIN_DELAY_MS_MAX),
      spreadMs: readMilliseconds(reader, 'DRAIN_SPREAD_MS', DRAIN_SPREAD_MS_DEFAULT, DRAIN_SPREAD_MS_MAX),
    },
    traces: readTraces(reader),
    fanOut: {
      shared: readSwitch(reader, 'SHARED_FAN_OUT') ?? true,
      windowMs: readMilliseconds(reader, 'FLUSH_WINDOW_MS', FLUSH_WINDOW_MS_DEFAULT, FLUSH_WINDOW_MS_MAX),
    },
    logLevel: readLogLevel(reader),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

function readPort(reader: Reader): number {
  const text = reader.get('PORT');
  if (text === undefined) return PORT_DEFAULT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= 0 && port <= PORT_MAX) return port;
  reader.problem(`PORT is ${shown(text)}: set it to a whole number from 0 (any free port) to ${PORT_MAX}`);
  return PORT_DEFAULT;
}

function readHost(reader: Reader): string | undefined {
  const host = reader.get('HOST');
  if (host === undefined || isIP(host) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(host)) return host;
  reader.problem(`HOST is ${shown(host)}: set it to an IP address or a host name, such as 127.0.0.1 or 0.0.0.0`);
  return undefined;
}

function readAuth(reader: Reader): AuthConfig {
  const secret = readSecret(reader, 'JWT_SECRET');
  const url = readUrl(reader, 'JWKS_URL', ['https', 'http'], 'https://id.example.com/.well-known/jwks.json');
  if (url?.parsed.protocol === 'http:' && !isLocal(url.parsed.hostname)) {
    reader.problem('JWKS_URL is plain http: use https (http is for localhost only)');
  }
  if (secret !== undefined && reader.get('JWKS_URL') !== undefined) {
    reader.problem('JWT_SECRET and JWKS_URL are both set: keep the one that your identity provider signs with');
  }
  const scope = { audience: reader.get('JWT_AUDIENCE'), issuer: reader.get('JWT_ISSUER') };
  if (secret !== undefined) return { mode: 'secret', secret, ...scope };
  if (url !== undefined) return { mode: 'jwks', url: url.text, ...scope };
  if (scope.audience !== undefined || scope.issuer !== undefined) {
    reader.problem('JWT_AUDIENCE and JWT_ISSUER need JWT_SECRET or JWKS_URL: the demo signs its tokens itself');
  }
  return { mode: 'demo' };
}

function readSecret(reader: Reader, name: string): string | undefined {
  const secret = reader.get(name);
  if (secret !== undefined && secret.length < SECRET_CHARS_MIN) {
    reader.problem(`${name} is too short: set at least ${SECRET_CHARS_MIN} random characters`);
  }
  return secret;
}

function readStripe(reader: Reader): StripeConfig | undefined {
  const secretKey = reader.get('STRIPE_SECRET_KEY');
  const webhookSecret = reader.get('STRIPE_WEBHOOK_SECRET');
  if (secretKey === undefined && webhookSecret === undefined) return undefined;
  if (secretKey === undefined || webhookSecret === undefined) {
    const [set, missing] = secretKey === undefined ? STRIPE_NAMES.toReversed() : STRIPE_NAMES;
    reader.problem(`${set} is set without ${missing}: set both, or neither to use the sandbox`);
    return undefined;
  }
  if (!/^(sk|rk)_(test|live)_[A-Za-z0-9_]+$/.test(secretKey)) {
    reader.problem(
      'STRIPE_SECRET_KEY is not a secret key: copy the one that begins with sk_ or rk_ from your dashboard',
    );
  }
  if (!/^whsec_[A-Za-z0-9_+/=]+$/.test(webhookSecret)) {
    reader.problem(
      'STRIPE_WEBHOOK_SECRET is not a signing secret: copy the one that begins with whsec_ from the endpoint at Stripe',
    );
  }
  return { secretKey, webhookSecret };
}

function readDatabaseUrl(reader: Reader, name: 'DATABASE_URL' | 'DATABASE_REPLICA_URL'): string | undefined {
  const example = 'postgres://user:password@host:5432/hadiya';
  const url = readUrl(reader, name, ['postgres', 'postgresql'], example);
  if (url === undefined) return undefined;
  if (url.parsed.pathname.length < 2) reader.problem(`${name} names no database: write it like ${example}`);
  // Prisma's own `schema` parameter would be obeyed by half of what connects.
  const schema = url.parsed.searchParams.get('schema');
  if (schema !== null && schema !== 'public') {
    reader.problem(`${name} has a schema parameter: drop it and give Hadiya a database of its own`);
  }
  return url.text;
}

function readUrl(
  reader: Reader,
  name: string,
  schemes: readonly string[],
  example: string,
): { text: string; parsed: URL } | undefined {
  const text = reader.get(name);
  if (text === undefined) return undefined;
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed !== undefined && schemes.includes(parsed.protocol.slice(0, -1))) return { text, parsed };
  reader.problem(`${name} is not a ${schemes.join(':// or ')}:// URL: write it like ${example}`);
  return undefined;
}

/** One server, or some of the servers of a Redis Cluster: the others are found through them. */
function readRedisUrl(reader: Reader): string | undefined {
  const urls = readList(reader, 'REDIS_URL');
  const parsed = urls.map((url) => (URL.canParse(url) ? new URL(url) : undefined));
  if (parsed.some((url) => url === undefined || !['redis:', 'rediss:'].includes(url.protocol))) {
    const example = 'redis://127.0.0.1:6379, and those of a Redis Cluster with commas between';
    reader.problem(`REDIS_URL is not a redis:// or rediss:// URL: write it like ${example}`);
  } else if (new Set(parsed.map((url) => url && `${url.protocol}${url.username}:${url.password}`)).size > 1) {
    reader.problem('REDIS_URL names servers with different schemes or passwords: those of a cluster have the same');
  }
  return urls.length === 0 ? undefined : urls.join(',');
}

/** Names between commas. */
function readList(reader: Reader, name: string): string[] {
  return (reader.get(name) ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Exact origins: a scheme, a host, perhaps a port. */
function readOrigins(reader: Reader): string[] {
  const origins = readList(reader, 'ALLOWED_ORIGINS');
  for (const origin of origins) {
    if (URL.canParse(origin) && new URL(origin).origin === origin) continue;
    reader.problem(
      `ALLOWED_ORIGINS has ${shown(origin)}: write each like https://shop.example.com, with commas between`,
    );
  }
  return origins;
}

function readPersistedOnly(reader: Reader, documents: readonly string[]): boolean {
  const only = readSwitch(reader, 'PERSISTED_ONLY') ?? false;
  if (only && documents.length === 0) {
    reader.problem('PERSISTED_ONLY is on without PERSISTED_DOCUMENTS: name the file of the documents, too');
  }
  return only;
}

function readRetention(reader: Reader): number | undefined {
  const text = reader.get('EVENT_RETENTION_DAYS');
  if (text === undefined) return undefined;
  const days = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (days >= RETENTION_DAYS_MIN && days <= RETENTION_DAYS_MAX) return days;
  const range = `${RETENTION_DAYS_MIN} to ${RETENTION_DAYS_MAX}`;
  reader.problem(`EVENT_RETENTION_DAYS is ${shown(text)}: set it to a whole number of days, ${range}`);
  return undefined;
}

function readSwitch(reader: Reader, name: string): boolean | undefined {
  const text = reader.get(name);
  if (text === undefined) return undefined;
  if (text !== 'on' && text !== 'off') reader.problem(`${name} is ${shown(text)}: set it to on or off`);
  return text === 'on';
}

function readRateLimit(reader: Reader, name: keyof typeof RATE_LIMIT_DEFAULTS, max = RATE_LIMIT_MAX): number {
  const text = reader.get(name) ?? String(RATE_LIMIT_DEFAULTS[name]);
  if (text === 'off') return 0;
  const limit = /^\d{1,11}$/.test(text) ? Number(text) : Number.NaN;
  if (limit <= max) return limit;
  reader.problem(`${name} is ${shown(text)}: set it to how many a minute, up to ${max}, or to off`);
  return RATE_LIMIT_DEFAULTS[name];
}

function readConnectionLimit(reader: Reader, name: keyof typeof CONNECTION_LIMIT_DEFAULTS): number {
  const text = reader.get(name) ?? String(CONNECTION_LIMIT_DEFAULTS[name]);
  if (text === 'off') return 0;
  const limit = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (limit >= 1 && limit <= CONNECTION_LIMIT_MAX) return limit;
  reader.problem(`${name} is ${shown(text)}: set it to open connections, 1 to ${CONNECTION_LIMIT_MAX}, or to off`);
  return CONNECTION_LIMIT_DEFAULTS[name];
}

function readTrustProxy(reader: Reader): number {
  const text = reader.get('TRUST_PROXY') ?? '0';
  const hops = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (hops <= TRUST_PROXY_MAX) return hops;
  reader.problem(`TRUST_PROXY is ${shown(text)}: set it to how many proxies are in front, 0 to ${TRUST_PROXY_MAX}`);
  return 0;
}

function readMilliseconds(reader: Reader, name: string, byDefault: number, max: number): number {
  const text = reader.get(name) ?? String(byDefault);
  const milliseconds = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (milliseconds <= max) return milliseconds;
  reader.problem(`${name} is ${shown(text)}: set it to a whole number from 0 to ${max}`);
  return byDefault;
}

function readMetricsPort(reader: Reader): number | undefined {
  const text = reader.get('METRICS_PORT');
  if (text === undefined) return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= 0 && port <= PORT_MAX && (port === 0 || text !== reader.get('PORT'))) return port;
  reader.problem(`METRICS_PORT is ${shown(text)}: set it to a free port up to ${PORT_MAX}, another one than PORT`);
  return undefined;
}

/** The standard variables: an exporter, or where it sends to. */
function readTraces(reader: Reader): boolean {
  if (reader.get('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return false;
  const exporter = reader.get('OTEL_TRACES_EXPORTER');
  if (exporter !== undefined) return exporter !== 'none';
  return (
    reader.get('OTEL_EXPORTER_OTLP_ENDPOINT') !== undefined ||
    reader.get('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') !== undefined
  );
}

function readLogLevel(reader: Reader): LogLevel {
  const text = reader.get('LOG_LEVEL') ?? 'info';
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) reader.problem(`LOG_LEVEL is ${shown(text)}: set it to one of ${LOG_LEVELS.join(', ')}`);
  return level ?? 'info';
}

function isLocal(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

/** A value in one short line, whatever it holds. */
function shown(text: string): string {
  return JSON.stringify(text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text);
}
