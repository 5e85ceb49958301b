/** The helper of docs/clients.md against a client that does as it is told; real servers are in test/clients. */
import type { FormattedExecutionResult, SubscribePayload } from 'graphql-ws';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ATTEMPTS_MAX, type Edge, InvalidCursorError, resume } from '../../examples/resume.ts';

type Attempt = () => AsyncIterableIterator<FormattedExecutionResult>;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const edge = (seq: number, __typename = 'ChatMessage') => ({
  data: { liveEvents: { cursor: `c${seq}`, node: { seq, __typename } } },
});

/** A client that answers one attempt after the other like this; the last one again and again. */
function scripted(...attempts: Attempt[]) {
  const asked: unknown[] = [];
  const iterate = ({ variables }: SubscribePayload) => {
    asked.push(variables?.after);
    return attempts[Math.min(asked.length, attempts.length) - 1]!();
  };
  return { asked, iterate };
}

/** Brings this, and ends with the error. */
const bring = (results: FormattedExecutionResult[], error?: unknown): Attempt =>
  async function* () {
    yield* results;
    if (error) throw error;
  };

const open = (client: ReturnType<typeof scripted>, onResync?: (edge: Edge) => void) =>
  resume<{ liveEvents: Edge }>(client, { query: '', variables: { streamId: 's', after: '' } }, onResync);

/** All that comes, and the error that ends it, with the pauses cut short. */
async function drain(results: ReturnType<typeof open>) {
  const seqs: number[] = [];
  const run = async () => {
    for await (const { data } of results) seqs.push(data!.liveEvents.node.seq);
  };
  const ended = run().then(
    () => undefined,
    (error: unknown) => error,
  );
  await vi.runAllTimersAsync();
  return { seqs, error: await ended };
}

test('it goes on behind the last event, and drops what comes twice', async () => {
  const client = scripted(
    bring([edge(1), edge(2)], { code: 1012, reason: 'Service restart' }),
    bring([], new Error('connect ECONNREFUSED')),
    bring([edge(2), edge(3)], { code: 4403, reason: 'Token expired' }),
    bring([], { code: 4005, reason: 'the identity provider is away' }),
    bring([edge(5)]),
  );
  expect(await drain(open(client))).toEqual({ seqs: [1, 2, 3, 5], error: undefined });
  expect(client.asked).toEqual(['', 'c2', 'c2', 'c3', 'c3']);
});

test.each([
  ['an invalid cursor', [{ message: 'no', extensions: { code: 'INVALID_CURSOR' } }], InvalidCursorError],
  ['a wrong document', [{ message: 'no', extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }], Array],
  ['a client that breaks the protocol', { code: 4400, reason: 'no' }, Object],
])('%s ends it at once', async (_what, why, type) => {
  const client = scripted(bring([edge(1)], why));
  const { seqs, error } = await drain(open(client));
  expect(seqs).toEqual([1]);
  expect(error).toBeInstanceOf(type);
  expect(client.asked).toHaveLength(1);
});

test('a refusal that passes is asked again', async () => {
  const busy = [{ message: 'later', extensions: { code: 'RATE_LIMITED' } }];
  const client = scripted(bring([{ errors: busy as never }]), bring([edge(1)]));
  expect(await drain(open(client))).toEqual({ seqs: [1], error: undefined });
});

test('it gives up after so many attempts that brought nothing, with the last reason', async () => {
  const why = { code: 1006, reason: '' };
  const client = scripted(bring([edge(1)], why), bring([], why));
  const { seqs, error } = await drain(open(client));
  expect(seqs).toEqual([1]);
  expect(error).toBe(why);
  expect(client.asked).toHaveLength(ATTEMPTS_MAX + 1);
});

test('pruned history is reported, and delivered', async () => {
  const onResync = vi.fn();
  const { seqs } = await drain(open(scripted(bring([edge(7, 'ResyncRequired'), edge(8)])), onResync));
  expect(onResync.mock.calls).toEqual([[expect.objectContaining({ cursor: 'c7' })]]);
  expect(seqs).toEqual([7, 8]);
});

test('return() ends a pause', async () => {
  const results = open(scripted(bring([], { code: 1013, reason: 'Try again later' })));
  const waiting = results.next();
  await vi.advanceTimersByTimeAsync(1);
  expect(await results.return()).toEqual({ done: true, value: undefined });
  expect(await waiting).toEqual({ done: true, value: undefined });
});

test('return() ends the subscription that is open', async () => {
  let release = () => {};
  const returned = vi.fn();
  const quiet: Attempt = () => {
    const over = new Promise<IteratorResult<never>>((resolve) => {
      release = () => resolve({ done: true, value: undefined });
    });
    const iterator = {
      next: () => over,
      return: async () => {
        returned();
        release();
        return { done: true as const, value: undefined };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator as AsyncIterableIterator<never>;
  };
  const results = open(scripted(quiet));
  const waiting = results.next();
  await results.return();
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(returned).toHaveBeenCalledTimes(1);
});
