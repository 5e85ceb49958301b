/** Who may share an execution, and with whom. */
import { GraphQLObjectType, GraphQLSchema, GraphQLString, parse } from 'graphql';
import { describe, expect, test } from 'vitest';
import { sharingKey } from '../../../src/graphql/fan-out/sharing.ts';
import { buildSchema } from '../../../src/graphql/schema.ts';
import { LIVE_EVENTS, STREAM_PULSE, WALLET_UPDATES } from '../../support/documents.ts';

const schema = buildSchema({ demo: true });

function keyOf(document: string, variables: Record<string, unknown> = {}, operationName?: string): string | undefined {
  return sharingKey({ schema, document: parse(document), variableValues: variables, operationName })?.key;
}

const streamId = 'TGl2ZVN0cmVhbTox';

describe('who shares with whom', () => {
  const key = keyOf(LIVE_EVENTS, { streamId });

  test('the feed with everything in it can be shared', () => {
    expect(key).toBeDefined();
  });

  test('white space, comments and the order of variables do not count', () => {
    expect(keyOf(`# mine\n${LIVE_EVENTS.replaceAll(' ', '  ')}`, { streamId })).toBe(key);
    expect(keyOf(LIVE_EVENTS, { types: ['GIFT_SENT'], streamId })).toBe(
      keyOf(LIVE_EVENTS, { streamId, types: ['GIFT_SENT'] }),
    );
  });

  test('the cursor does not count: viewers begin where they were', () => {
    expect(keyOf(LIVE_EVENTS, { streamId, after: '' })).toBe(key);
    expect(keyOf(LIVE_EVENTS, { streamId, after: 'ZTkwYzAwMDA6NQ' })).toBe(key);
  });

  test('coerced values count: an id may be a number, and a default is a value', () => {
    const document =
      'subscription ($id: ID!, $types: [LiveEventType!] = [GIFT_SENT]) { liveEvents(streamId: $id, types: $types) { cursor } }';
    expect(keyOf(document, { id: 5 })).toBe(keyOf(document, { id: '5', types: 'GIFT_SENT' }));
  });

  test.each([
    ['another stream', keyOf(LIVE_EVENTS, { streamId: 'TGl2ZVN0cmVhbToy' })],
    ['other types', keyOf(LIVE_EVENTS, { streamId, types: ['GIFT_SENT'] })],
    ['another selection', keyOf(LIVE_EVENTS.replace('cursor', 'c: cursor'), { streamId })],
    [
      'another operation of the same document',
      keyOf(`${LIVE_EVENTS} query Other { gifts { id } }`, { streamId }, 'LiveEvents'),
    ],
  ])('%s is another group', (_, other) => {
    expect(other).toBeDefined();
    expect(other).not.toBe(key);
  });

  test('a cursor variable that is used for something else counts', () => {
    const document = (extra: string) =>
      `subscription ($s: ID!, $a: String) { liveEvents(streamId: $s, after: $a) { cursor ${extra} } }`;
    expect(keyOf(document(''), { s: '1', a: 'x' })).toBe(keyOf(document(''), { s: '1', a: 'y' }));
    const both = 'subscription ($a: String) { liveEvents(streamId: "1", after: $a) { cursor @include(if: $a) } }';
    expect(keyOf(both, { a: 'x' })).not.toBe(keyOf(both, { a: 'y' }));
  });
});

describe('who shares with nobody', () => {
  test('whoever selects a private field', () => {
    expect(keyOf(WALLET_UPDATES)).toBeUndefined();
  });

  test('whoever asks for a response in parts', () => {
    const deferred = 'subscription ($s: ID!) { liveEvents(streamId: $s) { cursor ... @defer { node { seq } } } }';
    expect(keyOf(deferred, { s: '1' })).toBeUndefined();
  });

  test('the counters are public', () => {
    expect(keyOf(STREAM_PULSE, { streamId })).toBeDefined();
  });

  const marked = { type: GraphQLString, extensions: { public: true } };
  const Event: GraphQLObjectType = new GraphQLObjectType({
    name: 'Event',
    fields: () => ({
      text: marked,
      mine: { type: GraphQLString },
      next: { type: Event, extensions: { public: true } },
    }),
  });
  const other = new GraphQLSchema({
    query: new GraphQLObjectType({ name: 'Query', fields: { ok: marked } }),
    subscription: new GraphQLObjectType({
      name: 'Subscription',
      fields: { events: { type: Event, extensions: { public: true } }, unmarked: { type: Event } },
    }),
  });

  test.each([
    ['{ events { text } }', true],
    ['{ events { next { next { text __typename } } } }', true],
    ['{ events { ...F } } fragment F on Event { text }', true],
    ['{ unmarked { text } }', false],
    ['{ events { mine } }', false],
    ['{ events { next { mine } } }', false],
    ['{ events { ... { mine } } }', false],
    ['{ events { ... on Event { text mine } } }', false],
    ['{ events { ...F } } fragment F on Event { next { ...G } } fragment G on Event { mine }', false],
    ['{ events { mine @skip(if: true) text } }', false],
  ])('%s: %s', (selection, isShared) => {
    const key = sharingKey({ schema: other, document: parse(`subscription ${selection}`) });
    expect(key !== undefined).toBe(isShared);
  });

  test('fragments that spread each other again and again are judged in no time', () => {
    const depth = 60;
    const fragments = Array.from(
      { length: depth },
      (_, n) => `fragment F${n} on Event { a: next { ...F${n + 1} } b: next { ...F${n + 1} } }`,
    );
    const document = `subscription { events { ...F0 } } ${fragments.join(' ')} fragment F${depth} on Event { text }`;
    expect(sharingKey({ schema: other, document: parse(document) })).toBeDefined();
  });
});
