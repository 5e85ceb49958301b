import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { KEYS_MAX, type PointCounters, type Spending, spenderHere, WINDOW_MS } from './points.ts';
import { isRedisCluster, type RedisClient, redisClient, unreachable } from './redis-client.ts';
import { RedisCluster } from './redis-cluster.ts';

/** How long Redis may take to count; longer is the same as down, and nobody waits for it again for a while. */
const ANSWER_MS_MAX = 250;
const PAUSE_MS = 1_000;
/** It is waited for in so many parts: a process that stood still itself has lost one of them, and then reads what has come meanwhile. */
const ANSWER_PARTS = 5;

/** What tests replace. */
export type PointsOptions = { answerMsMax?: number };

/** Spends of all budgets of a key. Answers with how long the key still counts, and what is spent of each budget. */
const SPEND = `
local answer = {redis.call('pttl', KEYS[1])}
for n = 2, #ARGV do
  answer[n] = ARGV[n] == '0' and 0 or redis.call('hincrby', KEYS[1], n, ARGV[n])
end
if answer[1] < 0 then
  redis.call('pexpire', KEYS[1], ARGV[1])
  answer[1] = tonumber(ARGV[1])
end
return answer`;
const SPEND_SHA = createHash('sha1').update(SPEND).digest('hex');

/** Where keys are counted. */
type Store = {
  /** The server that a key is counted on; undefined while nobody knows. */
  serverOf: (key: string) => RedisClient | undefined;
  /** Called when a server could not count. */
  onError: (error: unknown) => void;
  close: () => void;
};

/**
 * Counts in Redis: one command a key, whatever number of budgets it has, and what is asked for in one turn of the event loop
 * travels together. A key that is over is refused from memory until it begins anew. On a Redis Cluster the keys are spread over
 * the masters: when one is down, its keys cannot be counted, and those of the others can.
 * @param setting REDIS_URL
 * @param deployment names the database: servers on other ones count for themselves
 * @throws {StartError} when Redis cannot be reached at start
 */
export async function createRedisCounters(
  setting: string,
  deployment: string,
  log: Logger,
  { answerMsMax = ANSWER_MS_MAX }: PointsOptions = {},
): Promise<PointCounters> {
  const store = (await isRedisCluster(setting)) ? await clusterStore(setting, log) : await singleStore(setting, log);
  const pausedUntilMs = new WeakMap<RedisClient, number>();
  const spendThere = async (key: string, points: readonly number[]): Promise<Counted | undefined> => {
    const server = store.serverOf(key);
    if (!server?.isReady || performance.now() < (pausedUntilMs.get(server) ?? 0)) return undefined;
    const late = () => pausedUntilMs.set(server, performance.now() + PAUSE_MS);
    return inTime(
      count(server, key, points).catch((error: unknown) => {
        store.onError(error);
        return undefined;
      }),
      { answerMsMax, onLate: late },
    );
  };
  return {
    purses: (name, limits) => {
      const prefix = `hadiya:purses:${deployment}:${name}:`;
      const over = new Over(limits.length);
      return {
        spend: async (key, points) => {
          const refused = over.look(key, points);
          if (refused) return refused;
          const counted = await spendThere(prefix + key, points);
          if (!counted) return { kind: 'DOWN' };
          over.note(key, counted, limits);
          return over.look(key, points) ?? { kind: 'SPENT' };
        },
        spendHere: spenderHere(limits),
      };
    },
    close: store.close,
  };
}

/** How long a key still counts, and what is spent of each of its budgets; 0 where nothing was asked for. */
type Counted = { leftMs: number; spent: readonly number[] };

async function count(server: RedisClient, key: string, points: readonly number[]): Promise<Counted> {
  const options = { keys: [key], arguments: [WINDOW_MS, ...points].map(String) };
  const answer = await server.evalSha(SPEND_SHA, options).catch((error: unknown) => {
    if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return server.eval(SPEND, options);
    throw error;
  });
  const [leftMs, ...spent] = answer as number[];
  return { leftMs: leftMs!, spent };
}

/** Budgets that are known to be over: nobody asks Redis for them until their key begins anew. Bounded. */
class Over {
  readonly #known = new Map<string, { untilMs: number; isOver: boolean[] }>();

  constructor(private readonly budgets: number) {}

  look(key: string, points: readonly number[]): Spending | undefined {
    const known = this.#known.get(key);
    if (!known) return undefined;
    const leftMs = known.untilMs - performance.now();
    if (leftMs <= 0) {
      this.#known.delete(key);
      return undefined;
    }
    const isOver = points.some((wanted, n) => wanted > 0 && known.isOver[n]);
    return isOver ? { kind: 'OVER', retryAfterMs: Math.ceil(leftMs) } : undefined;
  }

  note(key: string, { leftMs, spent }: Counted, limits: readonly number[]): void {
    if (!spent.some((points, n) => points > limits[n]!)) return;
    const { isOver } = this.#known.get(key) ?? { isOver: new Array<boolean>(this.budgets).fill(false) };
    for (const [n, points] of spent.entries()) if (points > limits[n]!) isOver[n] = true;
    for (const oldest of this.#known.keys()) {
      if (this.#known.size < KEYS_MAX) break;
      this.#known.delete(oldest);
    }
    this.#known.set(key, { untilMs: performance.now() + leftMs, isOver });
  }
}

async function inTime<Answer>(
  answer: Promise<Answer>,
  { answerMsMax, onLate }: { answerMsMax: number; onLate: () => void },
): Promise<Answer | undefined> {
  let timer: NodeJS.Timeout | undefined;
  let parts = 0;
  const late = new Promise<undefined>((resolve) => {
    timer = setInterval(() => {
      if (++parts < ANSWER_PARTS) return;
      onLate();
      resolve(undefined);
    }, answerMsMax / ANSWER_PARTS);
  });
  const first = await Promise.race([answer, late]);
  clearInterval(timer);
  return first;
}

async function singleStore(url: string, log: Logger): Promise<Store> {
  const state = { started: false };
  const client = redisClient(url, state, { disableOfflineQueue: true });
  client.on('error', (error: Error) => {
    if (state.started) log.warn({ err: error }, 'the connection to Redis is broken; points cannot be counted');
  });
  try {
    await client.connect();
    state.started = true;
  } catch (error) {
    client.destroy();
    throw unreachable(error);
  }
  return { serverOf: () => client, onError: () => undefined, close: () => client.destroy() };
}

/** While a slot is handed over, what has moved already cannot be counted (ASK), for as long as that takes. */
async function clusterStore(setting: string, log: Logger): Promise<Store> {
  const cluster = await RedisCluster.connect(setting, log);
  return {
    serverOf: (key) => cluster.ownerOf(key)?.client,
    onError: (error) => {
      if (error instanceof Error && error.message.startsWith('MOVED')) void cluster.refresh();
    },
    close: () => void cluster.close(),
  };
}
