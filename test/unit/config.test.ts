/** The environment, and what is said about a wrong one. */
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../../src/config.ts';
import { StartError } from '../../src/kernel/start-error.ts';

const SECRET = 'a-secret-of-more-than-thirty-two-characters';

function problemsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('what holds without settings', () => {
  test('demo mode, reachable from this machine only', () => {
    expect(loadConfig({})).toEqual({
      port: 4000,
      host: '127.0.0.1',
      databaseUrl: undefined,
      databaseReplicaUrl: undefined,
      redisUrl: undefined,
      dataDir: resolve('.data'),
      auth: { mode: 'demo' },
      operators: ['demo:operator'],
      voucherSecret: undefined,
      simulate: true,
      rateLimits: {
        viewer: 6_000,
        money: 3_000,
        ip: 60_000,
        viewerCost: 6_000_000,
        ipCost: 60_000_000,
        requests: 120_000,
        loopback: false,
      },
      connectionLimits: { viewer: 50, ip: 5_000, loopback: false },
      trustProxy: 0,
      allowedOrigins: [],
      introspection: true,
      persistedDocuments: [],
      persistedOnly: false,
      eventRetentionDays: undefined,
      metrics: { port: undefined, token: undefined },
      drain: { delayMs: 0, spreadMs: 5_000 },
      traces: false,
      fanOut: { shared: true, windowMs: 20 },
      logLevel: 'info',
    });
  });

  test('an empty variable counts as unset', () => {
    const names =
      'PORT HOST DATABASE_URL REDIS_URL DATA_DIR JWT_SECRET JWKS_URL JWT_AUDIENCE JWT_ISSUER VOUCHER_SECRET STRIPE_SECRET_KEY STRIPE_WEBHOOK_SECRET SIMULATE LOG_LEVEL OPERATORS SHARED_FAN_OUT FLUSH_WINDOW_MS RATE_LIMIT_VIEWER RATE_LIMIT_MONEY RATE_LIMIT_IP RATE_LIMIT_COST_VIEWER RATE_LIMIT_COST_IP REQUEST_LIMIT_IP CONNECTION_LIMIT_VIEWER CONNECTION_LIMIT_IP TRUST_PROXY DATABASE_REPLICA_URL ALLOWED_ORIGINS INTROSPECTION PERSISTED_DOCUMENTS PERSISTED_ONLY EVENT_RETENTION_DAYS METRICS_PORT METRICS_TOKEN DRAIN_DELAY_MS DRAIN_SPREAD_MS OTEL_SDK_DISABLED OTEL_TRACES_EXPORTER OTEL_EXPORTER_OTLP_ENDPOINT OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'.split(
        ' ',
      );
    expect(loadConfig(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(loadConfig({}));
  });

  test('with real sign-in: reachable from everywhere, nothing simulated, the schema not told', () => {
    const config = loadConfig({ JWT_SECRET: SECRET });
    expect(config).toMatchObject({
      host: '0.0.0.0',
      simulate: false,
      introspection: false,
      auth: { mode: 'secret', secret: SECRET },
    });
  });
});

const OWN_LIMITS = {
  viewer: 100,
  money: 0,
  ip: 0,
  viewerCost: 10_000_000_000,
  ipCost: 0,
  requests: 600,
  loopback: true,
};

describe('settings', () => {
  test('each is taken over', () => {
    const config = loadConfig({
      PORT: '0',
      HOST: '::1',
      DATABASE_URL: 'postgresql://hadiya:pass@db.example.com/hadiya?sslmode=require',
      REDIS_URL: 'rediss://cache.example.com:6380',
      DATA_DIR: '/var/lib/hadiya',
      JWKS_URL: 'https://id.example.com/keys',
      OPERATORS: ' auth0|7, ada ,',
      VOUCHER_SECRET: SECRET,
      STRIPE_SECRET_KEY: 'sk_test_51Hadiya',
      STRIPE_WEBHOOK_SECRET: 'whsec_Hadiya',
      SIMULATE: 'on',
      SHARED_FAN_OUT: 'off',
      FLUSH_WINDOW_MS: '0',
      RATE_LIMIT_VIEWER: '100',
      RATE_LIMIT_MONEY: 'off',
      RATE_LIMIT_IP: '0',
      RATE_LIMIT_COST_VIEWER: '10000000000',
      RATE_LIMIT_COST_IP: 'off',
      REQUEST_LIMIT_IP: '600',
      CONNECTION_LIMIT_VIEWER: 'off',
      CONNECTION_LIMIT_IP: '7',
      TRUST_PROXY: '2',
      DATABASE_REPLICA_URL: 'postgres://hadiya:pass@copy.example.com/hadiya',
      ALLOWED_ORIGINS: 'https://shop.example.com, http://localhost:5173',
      INTROSPECTION: 'on',
      PERSISTED_DOCUMENTS: '/etc/hadiya/documents.json, /etc/hadiya/more',
      PERSISTED_ONLY: 'on',
      EVENT_RETENTION_DAYS: '90',
      LOG_LEVEL: 'silent',
    });
    expect(config).toEqual({
      port: 0,
      host: '::1',
      databaseUrl: 'postgresql://hadiya:pass@db.example.com/hadiya?sslmode=require',
      databaseReplicaUrl: 'postgres://hadiya:pass@copy.example.com/hadiya',
      redisUrl: 'rediss://cache.example.com:6380',
      dataDir: '/var/lib/hadiya',
      auth: { mode: 'jwks', url: 'https://id.example.com/keys' },
      operators: ['auth0|7', 'ada'],
      voucherSecret: SECRET,
      stripe: { secretKey: 'sk_test_51Hadiya', webhookSecret: 'whsec_Hadiya' },
      simulate: true,
      rateLimits: OWN_LIMITS,
      connectionLimits: { viewer: 0, ip: 7, loopback: true },
      trustProxy: 2,
      allowedOrigins: ['https://shop.example.com', 'http://localhost:5173'],
      introspection: true,
      persistedDocuments: ['/etc/hadiya/documents.json', '/etc/hadiya/more'],
      persistedOnly: true,
      eventRetentionDays: 90,
      metrics: { port: undefined, token: undefined },
      drain: { delayMs: 0, spreadMs: 5_000 },
      traces: false,
      fanOut: { shared: false, windowMs: 0 },
      logLevel: 'silent',
    });
  });

  test.each(['http://localhost:8080/jwks', 'http://127.0.0.1/jwks', 'http://[::1]:9000/jwks'])('JWKS_URL %s', (url) => {
    expect(loadConfig({ JWKS_URL: url }).auth).toEqual({ mode: 'jwks', url });
  });

  test.each(['localhost', '0.0.0.0', '::', 'node-1.internal'])('HOST %s', (host) => {
    expect(loadConfig({ HOST: host }).host).toBe(host);
  });

  test('SIMULATE=off also holds in demo mode', () => {
    expect(loadConfig({ SIMULATE: 'off' }).simulate).toBe(false);
  });

  test('DATABASE_URL may name the schema public, as Prisma writes it', () => {
    expect(problemsOf({ DATABASE_URL: 'postgres://u:p@h/d?schema=public' })).toEqual([]);
  });
});

describe('the two secrets of Stripe', () => {
  test.each([
    ['STRIPE_SECRET_KEY', 'sk_test_51Hadiya', 'STRIPE_WEBHOOK_SECRET'],
    ['STRIPE_WEBHOOK_SECRET', 'whsec_Hadiya', 'STRIPE_SECRET_KEY'],
  ])('%s alone asks for its other half', (name, value, missing) => {
    expect(problemsOf({ [name]: value })).toEqual([
      `${name} is set without ${missing}: set both, or neither to use the sandbox`,
    ]);
  });

  test.each([
    ['STRIPE_SECRET_KEY', 'pk_test_51Geheim'],
    ['STRIPE_SECRET_KEY', 'sk_test_51Geheim\n'],
    ['STRIPE_WEBHOOK_SECRET', 'we_Geheim'],
  ])('%s=%j is told apart from the keys beside it, and not repeated', (name, value) => {
    const right = { STRIPE_SECRET_KEY: 'rk_live_51Hadiya', STRIPE_WEBHOOK_SECRET: 'whsec_Hadiya' };
    expect(problemsOf(right)).toEqual([]);
    const problems = problemsOf({ ...right, [name]: value });
    expect(problems).toEqual([expect.stringMatching(new RegExp(`^${name} [^\\n]+: [^\\n]+$`))]);
    expect(problems[0]).not.toContain('Geheim');
  });
});

describe('tokens', () => {
  test('JWT_AUDIENCE and JWT_ISSUER narrow what a provider signs, and mean nothing in the demo', () => {
    const scope = { JWT_AUDIENCE: 'https://hadiya.example.com', JWT_ISSUER: 'https://id.example.com/' };
    const read = { audience: scope.JWT_AUDIENCE, issuer: scope.JWT_ISSUER };
    expect(loadConfig({ JWT_SECRET: SECRET, ...scope }).auth).toEqual({ mode: 'secret', secret: SECRET, ...read });
    const url = 'https://id.example.com/keys';
    expect(loadConfig({ JWKS_URL: url, ...scope }).auth).toEqual({ mode: 'jwks', url, ...read });
    for (const [name, value] of Object.entries(scope)) {
      expect(problemsOf({ [name]: value })).toEqual([expect.stringMatching(/^JWT_AUDIENCE and JWT_ISSUER need/)]);
    }
  });
});

describe('wrong limits', () => {
  test.each([
    ['RATE_LIMIT_COST_VIEWER', '10000000001'],
    ['RATE_LIMIT_COST_IP', '1e9'],
    ['REQUEST_LIMIT_IP', '10000001'],
  ])('%s=%s gives one line that says the most', (name, value) => {
    expect(problemsOf({ [name]: value })).toEqual([expect.stringMatching(/a minute, up to 1\d+, or to off$/)]);
  });
});

describe('wrong settings', () => {
  test.each([
    ['PORT', 'http'],
    ['SHARED_FAN_OUT', 'yes'],
    ['FLUSH_WINDOW_MS', '-1'],
    ['FLUSH_WINDOW_MS', '1001'],
    ['FLUSH_WINDOW_MS', '0.5'],
    ['RATE_LIMIT_VIEWER', '-1'],
    ['RATE_LIMIT_MONEY', 'on'],
    ['RATE_LIMIT_IP', '10000001'],
    ['CONNECTION_LIMIT_VIEWER', '0'],
    ['CONNECTION_LIMIT_IP', '1000001'],
    ['TRUST_PROXY', '11'],
    ['DATABASE_REPLICA_URL', 'mysql://u:p@h/d'],
    ['DATABASE_REPLICA_URL', 'postgres://u:p@h'],
    ['ALLOWED_ORIGINS', '*'],
    ['ALLOWED_ORIGINS', 'https://shop.example.com/path'],
    ['ALLOWED_ORIGINS', 'null'],
    ['INTROSPECTION', 'true'],
    ['PERSISTED_ONLY', 'yes'],
    ['PERSISTED_ONLY', 'on'],
    ['EVENT_RETENTION_DAYS', '29'],
    ['EVENT_RETENTION_DAYS', '1e3'],
    ['PORT', '-1'],
    ['PORT', '65536'],
    ['PORT', '80.5'],
    ['PORT', '0x50'],
    ['HOST', 'http://localhost'],
    ['HOST', 'two words'],
    ['DATABASE_URL', 'localhost:5432'],
    ['DATABASE_URL', 'mysql://u:p@h/d'],
    ['DATABASE_URL', 'postgres://u:p@h'],
    ['DATABASE_URL', 'postgres://u:p@h/d?schema=app'],
    ['REDIS_URL', 'localhost'],
    ['REDIS_URL', 'http://localhost:6379'],
    ['JWT_SECRET', 'short'],
    ['JWKS_URL', 'ftp://id.example.com/keys'],
    ['JWKS_URL', 'http://id.example.com/keys'],
    ['SIMULATE', 'yes'],
    ['LOG_LEVEL', 'verbose'],
  ])('%s=%s gives one line that begins with the name', (name, value) => {
    const problems = problemsOf({ [name]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${name} [^\\n]+: [^\\n]+$`));
  });

  test('JWT_SECRET and JWKS_URL exclude each other', () => {
    const problems = problemsOf({ JWT_SECRET: SECRET, JWKS_URL: 'https://id.example.com/keys' });
    expect(problems).toEqual([expect.stringMatching(/JWT_SECRET and JWKS_URL/)]);
  });

  test('all problems come at once, as a StartError', () => {
    const env = {
      PORT: 'x',
      HOST: '/',
      DATABASE_URL: 'x',
      REDIS_URL: 'x',
      JWT_SECRET: 'x',
      SIMULATE: 'x',
      LOG_LEVEL: 'x',
    };
    expect(problemsOf(env)).toHaveLength(7);
    expect(() => loadConfig(env)).toThrow(StartError);
    expect(() => loadConfig(env)).toThrow(/PORT.*\n.*HOST/);
  });

  test('no secret and no URL is repeated, and a line stays a line', () => {
    const word = 'geheim';
    const problems = problemsOf({
      DATABASE_URL: `mysql://u:${word}@${word}/d`,
      REDIS_URL: `http://:${word}@h`,
      JWT_SECRET: word,
      JWKS_URL: `http://u:${word}@id.example.com`,
      LOG_LEVEL: `a\nb${'c'.repeat(1_000)}`,
    });
    expect(problems).toHaveLength(6);
    expect(problems.join('\n')).not.toContain(word);
    expect(problems.join('\n').split('\n')).toHaveLength(problems.length);
    for (const problem of problems) expect(problem.length).toBeLessThan(200);
  });
});

describe('operations', () => {
  test('metrics, drain and traces are set', () => {
    const env = {
      METRICS_PORT: '9464',
      METRICS_TOKEN: SECRET,
      DRAIN_DELAY_MS: '3000',
      DRAIN_SPREAD_MS: '0',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
    };
    expect(loadConfig(env)).toMatchObject({
      metrics: { port: 9464, token: SECRET },
      drain: { delayMs: 3_000, spreadMs: 0 },
      traces: true,
    });
  });

  test.each([
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
    [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, false],
    [{ OTEL_SDK_DISABLED: 'true', OTEL_TRACES_EXPORTER: 'otlp' }, false],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }, true],
    [{ OTEL_SERVICE_NAME: 'hadiya' }, false],
  ])('%j: traces %j', (env, traces) => {
    expect(loadConfig(env).traces).toBe(traces);
  });

  test.each([
    [{ METRICS_PORT: '70000' }, 'METRICS_PORT'],
    [{ METRICS_PORT: '4001', PORT: '4001' }, 'METRICS_PORT'],
    [{ METRICS_TOKEN: 'short' }, 'METRICS_TOKEN'],
    [{ DRAIN_DELAY_MS: '10001' }, 'DRAIN_DELAY_MS'],
    [{ DRAIN_SPREAD_MS: '8001' }, 'DRAIN_SPREAD_MS'],
    [{ DRAIN_SPREAD_MS: '-1' }, 'DRAIN_SPREAD_MS'],
  ])('%j is refused', (env, name) => {
    expect(problemsOf(env)).toEqual([expect.stringContaining(name)]);
  });
});

describe('a Redis Cluster', () => {
  test('several of its servers, with commas between', () => {
    const { redisUrl } = loadConfig({ REDIS_URL: ' redis://:word@a:7000 , redis://:word@b:7001,' });
    expect(redisUrl).toBe('redis://:word@a:7000,redis://:word@b:7001');
  });

  test.each(['redis://a:1,localhost', 'redis://a:1,rediss://b:1', 'redis://:one@a:1,redis://:two@b:1'])(
    'REDIS_URL=%s gives one line that begins with the name',
    (REDIS_URL) => {
      const problems = problemsOf({ REDIS_URL });
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(/^REDIS_URL [^\n]+: [^\n]+$/);
      expect(problems[0]).not.toMatch(/one|two/);
    },
  );
});
