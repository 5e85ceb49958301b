/** Whose subscriptions share an execution, on a schema of the test's own. */
import {
  type ExecutionResult,
  execute,
  GraphQLError,
  GraphQLID,
  GraphQLInt,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLSchema,
  GraphQLString,
  parse,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { FanOut } from '../../../src/graphql/fan-out/fan-out.ts';
import { MappedIterator } from '../../../src/kernel/iterate.ts';
import { Feed } from '../../../src/live/feed.ts';
import type { LiveEvent } from '../../../src/live/live-event.ts';
import { Watcher } from '../../../src/live/watcher.ts';
import { events, testLog } from '../../realtime/support/memory-log.ts';

const open = { public: true };
type TestContext = { actor: { id: bigint } | undefined };

/** A feed, and a schema whose subscription watches it. `failAt`: the event whose text cannot be resolved. */
function world(shared = true, failAt = 0n) {
  const log = testLog();
  const feed = new Feed(1n, 'e90c0000', 0n, { ringSize: 4, pageSize: 3, readPage: log.readPage });
  const ends: string[] = [];
  const Event = new GraphQLObjectType<LiveEvent, TestContext>({
    name: 'Event',
    fields: {
      seq: { type: GraphQLInt, extensions: open, resolve: ({ seq }) => Number(seq) },
      text: {
        type: new GraphQLNonNull(GraphQLString),
        extensions: open,
        resolve: ({ seq }) => {
          if (seq === failAt) throw new Error('a secret of the server');
          return `event ${seq}`;
        },
      },
      viewer: { type: GraphQLID, resolve: (_event, _args, { actor }) => actor?.id.toString() ?? null },
      anonymous: {
        type: GraphQLID,
        extensions: open,
        resolve: (_event, _args, { actor }) => actor?.id.toString() ?? 'nobody',
      },
    },
  });
  const schema = new GraphQLSchema({
    query: Event,
    subscription: new GraphQLObjectType({
      name: 'Subscription',
      fields: {
        events: {
          type: Event,
          extensions: open,
          args: { after: { type: GraphQLString } },
          resolve: (event) => event,
          subscribe: (_root, { after }) => {
            const options = { afterSeq: BigInt(after ?? feed.head), onLapped: () => ends.push('lapped') };
            const watcher = new Watcher(feed, { ...options, onEnded: () => ends.push('ended') });
            return new MappedIterator(watcher, (event) => event);
          },
        },
      },
    }),
  });
  const mask = () => new GraphQLError('Unexpected error.');
  const fanOut = new FanOut(
    {
      executeEvent: (args) => {
        const { errors, ...rest } = execute(args) as ExecutionResult;
        return errors ? { ...rest, errors: errors.map(mask) } : rest;
      },
      mask,
    },
    { shared, windowMs: 0 },
  );
  const subscribe = async (selection: string, viewer?: bigint, after = '0') => {
    const contextValue = { actor: viewer === undefined ? undefined : { id: viewer } };
    const document = parse(`subscription ($after: String) { events(after: $after) ${selection} }`);
    const results = await fanOut.subscribe({ schema, document, contextValue, variableValues: { after } });
    if (!(Symbol.asyncIterator in results)) throw new Error(`refused: ${JSON.stringify(results)}`);
    return results;
  };
  const write = (...seqs: number[]) => {
    log.hold(events(...seqs));
    return feed.receive(events(...seqs));
  };
  return { log, feed, ends, fanOut, subscribe, write };
}

/** The data of the next result, as Yoga would write it. */
const dataOf = async (results: AsyncIterator<ExecutionResult & { stringify?: () => string }>) => {
  const { value } = await results.next();
  return JSON.parse(value.stringify?.() ?? JSON.stringify(value)).data;
};

describe('public selections', () => {
  test('are executed once, and as nobody in particular', async () => {
    const { fanOut, subscribe, write } = world();
    const viewers = await Promise.all([subscribe('{ seq anonymous }', 1n), subscribe('{ seq anonymous }', 2n)]);
    await write(1);
    for (const viewer of viewers) expect(await dataOf(viewer)).toEqual({ events: { seq: 1, anonymous: 'nobody' } });
    expect(fanOut.executed).toBe(1);
  });

  test('whoever leaves takes nobody along', async () => {
    const { subscribe, write, ends } = world();
    const [one, other] = await Promise.all([subscribe('{ seq }'), subscribe('{ seq }')]);
    const waiting = one!.next();
    await one!.return!();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await write(1);
    expect(await dataOf(other!)).toEqual({ events: { seq: 1 } });
    expect(ends).toEqual(['ended']);
  });

  test('an error in a resolver is masked once and told to all', async () => {
    const { fanOut, subscribe, write } = world(true, 1n);
    const viewers = await Promise.all([subscribe('{ seq text }', 1n), subscribe('{ seq text }', 2n)]);
    await write(1);
    const results = await Promise.all(viewers.map((viewer) => viewer.next()));
    for (const { value } of results)
      expect(value).toMatchObject({ data: { events: null }, errors: [{ message: 'Unexpected error.' }] });
    expect(fanOut.executed).toBe(1);
  });

  test('a source that fails ends every member, with a masked error', async () => {
    const { log, subscribe, write, ends } = world();
    await write(1, 2);
    await write(3, 4);
    await write(5, 6);
    const viewers = await Promise.all([subscribe('{ seq }', 1n), subscribe('{ seq }', 2n)]);
    log.failNextRead(new Error('a secret of the server'));
    const reads = await Promise.allSettled(viewers.map((viewer) => viewer.next()));
    for (const read of reads)
      expect(read).toMatchObject({ status: 'rejected', reason: { message: 'Unexpected error.' } });
    expect(ends).toEqual(['ended', 'ended']);
  });
});

describe('selections with a field of the viewer', () => {
  test('are executed for each viewer, with that viewer’s context', async () => {
    const { fanOut, subscribe, write } = world();
    const viewers = await Promise.all([
      subscribe('{ seq viewer }', 1n),
      subscribe('{ seq viewer }', 2n),
      subscribe('{ seq viewer }'),
    ]);
    await write(1);
    expect(await Promise.all(viewers.map(dataOf))).toEqual(
      ['1', '2', null].map((viewer) => ({ events: { seq: 1, viewer } })),
    );
    expect(fanOut.executed).toBe(3);
  });
});

test('switched off, everything is executed for each viewer', async () => {
  const { fanOut, subscribe, write } = world(false);
  const viewers = await Promise.all([subscribe('{ seq anonymous }', 1n), subscribe('{ seq anonymous }', 2n)]);
  await write(1);
  expect(await Promise.all(viewers.map(dataOf))).toEqual(
    ['1', '2'].map((anonymous) => ({ events: { seq: 1, anonymous } })),
  );
  expect(fanOut.executed).toBe(2);
});
