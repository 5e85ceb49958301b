/** People who gift, buy and chat all the time, and repeat with the same key whatever was not answered. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { httpClient } from '../support/client.ts';
import { type MutationName, mutationDocument } from '../support/documents.ts';
import type { Actor, Outcome } from '../support/operations.ts';
import type { Variables } from '../support/wire.ts';
import type { Stage } from './stage.ts';
import type { World } from './world.ts';

/** Between two things that one person does. */
const THINK_MS = { gift: 120, buy: 700, chat: 600 } as const;
const RETRY_MS = 150;
const REQUEST_MS_MAX = 8_000;
/** Longer than any fault lasts: what is not answered by then is a failure of the run. */
const INTENT_MS_MAX = 60_000;
/** Refusals after which the same is tried again. */
const TRY_AGAIN = new Set(['OVERLOADED', 'UNAVAILABLE', 'RATE_LIMITED', 'PAYMENT_PENDING']);

/** What somebody wanted, and what became of it. */
export type Intent = {
  kind: keyof typeof THINK_MS;
  handle: string;
  key: string;
  attempts: number;
  /** From the first request to the answer. */
  durationMs: number;
  outcome: Outcome<Record<string, unknown>>;
};

/** What all of them did. */
export type Load = {
  intents: Intent[];
  /** Attempts that brought no answer, by reason. */
  failures: Map<string, number>;
  /** Lets everybody end what is under way. */
  stop(): Promise<void>;
};

/** Sets everybody going. */
export function startLoad(world: World, stage: Stage, random: () => number): Load {
  const { signal, abort } = stopper();
  const load: Omit<Load, 'stop'> = { intents: [], failures: new Map() };
  const person = async (actor: Actor, kind: Intent['kind'], makeInput: () => [MutationName, Variables]) => {
    while (!signal.aborted) {
      const [name, input] = makeInput();
      load.intents.push(await carryOut({ world, actor, kind, name, input, random, failures: load.failures }));
      await wait(THINK_MS[kind] * (0.5 + random()));
    }
  };
  const streamOf = (index: number) => stage.streamIds[index % stage.streamIds.length]!;
  const people = [
    ...stage.gifters.map((actor, index) =>
      person(actor, 'gift', () => [
        'sendGift',
        {
          streamId: streamOf(index),
          giftId: stage.roseId,
          quantity: 1 + Math.floor(random() * 3),
          idempotencyKey: randomUUID(),
        },
      ]),
    ),
    ...stage.buyers.map(({ actor, addressId }, index) => {
      let turn = index;
      const usual = { addressId, paymentToken: 'tok_ok' };
      return person(actor, 'buy', () => [
        'buyNow',
        turn++ % 2 === 0
          ? { ...usual, ...stage.offer, quantity: 1, idempotencyKey: randomUUID() }
          : { ...usual, ...stage.plain, quantity: 1 + (turn % 2), idempotencyKey: randomUUID() },
      ]);
    }),
    ...stage.chatters.map((actor, index) =>
      person(actor, 'chat', () => [
        'sendChatMessage',
        { streamId: streamOf(index), text: `hello ${load.intents.length}`, idempotencyKey: randomUUID() },
      ]),
    ),
  ];
  const all = Promise.all(people);
  all.catch(() => undefined); // awaited when it is stopped
  return {
    ...load,
    stop: async () => {
      abort();
      await all;
    },
  };
}

/**
 * Sends one mutation to one server after the other, with one key, until it is answered.
 * @throws when that takes longer than any fault lasts
 */
export async function carryOut(options: {
  world: World;
  actor: Actor;
  kind: Intent['kind'];
  name: MutationName;
  input: Variables;
  random: () => number;
  failures: Map<string, number>;
  /** Only this server. */
  only?: string;
}): Promise<Intent> {
  const { world, actor, kind, name, input, random, failures, only } = options;
  const startMs = performance.now();
  for (let attempts = 1; ; attempts++) {
    const url = only ?? world.servers[Math.floor(random() * world.servers.length)]!.url;
    const answer = await attempt(url, actor.token, name, input).catch((error: Error) => failureOf(error));
    const durationMs = performance.now() - startMs;
    if (typeof answer === 'object' && !TRY_AGAIN.has(String(answer.code))) {
      return { kind, handle: actor.handle, key: String(input.idempotencyKey), attempts, durationMs, outcome: answer };
    }
    const reason = typeof answer === 'string' ? answer : String(answer.code);
    failures.set(reason, (failures.get(reason) ?? 0) + 1);
    if (durationMs > INTENT_MS_MAX) throw new Error(`${name} of ${actor.handle} is not answered (${reason})`);
    const retryAfterMs =
      typeof answer === 'object' && 'retryAfterMs' in answer ? Number(answer.retryAfterMs) : RETRY_MS;
    await wait(Math.min(retryAfterMs, 1_000) * (0.5 + random()));
  }
}

async function attempt(
  url: string,
  token: string,
  name: MutationName,
  input: Variables,
): Promise<Outcome<Record<string, unknown>>> {
  const client = httpClient(url, token, { signal: AbortSignal.timeout(REQUEST_MS_MAX) });
  const document = mutationDocument(name);
  const { data, errors, status } = await client.request<Record<string, Outcome<Record<string, unknown>>>>(document, {
    input,
  });
  const outcome = data?.[name];
  if (outcome) return outcome;
  throw new Error(`${status} ${errors?.[0]?.message ?? 'no answer'}`);
}

/** Why there was no answer, in few words. */
function failureOf(error: Error): string {
  const { code } = (error.cause ?? {}) as { code?: string };
  return code ?? (error.name === 'TimeoutError' ? 'TIMEOUT' : error.message);
}

function stopper(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
