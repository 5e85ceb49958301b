/** The check for breaking changes finds what breaks clients, and nothing else. */
import { describe, expect, test } from 'vitest';
import { ACCEPTED_BREAKS } from '../accepted-breaks.ts';
import { findBreaks } from '../support/breaking.ts';

const SCHEMA = `
  type Query { gift(id: ID!, first: Int): Gift, gifts: [Gift!]! }
  type Mutation { send(input: SendInput!): SendResult! }
  input SendInput { giftId: ID!, quantity: Int! = 1 }
  type Gift { id: ID!, coins: Int!, color: Color! }
  type SendSuccess { ok: Boolean! }
  type SendError { code: String! }
  union SendResult = SendSuccess | SendError
  enum Color { RED GREEN }`;
const after = (from: string, to: string) => {
  expect(SCHEMA).toContain(from);
  return SCHEMA.replace(from, to);
};

test('an equal schema breaks nothing', async () => {
  expect(await findBreaks(SCHEMA, SCHEMA)).toEqual({ breaking: [], dangerous: [], stale: [] });
});

test.each([
  ['a field that is gone', 'coins: Int!, ', '', 'Gift.coins'],
  ['a query that is gone', ', gifts: [Gift!]!', '', 'Query.gifts'],
  ['a field that may be null now', 'coins: Int!', 'coins: Int', 'Gift.coins'],
  ['a field of another type', 'coins: Int!', 'coins: String!', 'Gift.coins'],
  ['an argument that is gone', ', first: Int', '', 'Query.gift.first'],
  ['an argument that is required now', 'first: Int', 'first: Int!', 'Query.gift.first'],
  ['an input field that is required and new', 'giftId: ID!', 'giftId: ID!, to: ID!', 'SendInput.to'],
  ['an input field of another type', 'giftId: ID!', 'giftId: Int!', 'SendInput.giftId'],
  ['an enum value that is gone', ' GREEN', '', 'Color.GREEN'],
  ['a member of a union that is gone', ' | SendError', '', 'SendResult'],
])('%s is found', async (_, from, to, coordinate) => {
  const { breaking } = await findBreaks(SCHEMA, after(from, to));
  expect(breaking).toEqual([expect.stringMatching(new RegExp(`^${coordinate}: `))]);
});

test.each([
  ['a field', 'coins: Int!', 'coins: Int!, name: String!'],
  ['an argument that may be left out', 'first: Int', 'first: Int, after: String'],
  ['an input field that may be left out', 'giftId: ID!', 'giftId: ID!, note: String'],
  ['a type', 'type SendSuccess', 'type Extra { id: ID! } type SendSuccess'],
  ['an answer that is not null any more', 'gift(id: ID!, first: Int): Gift', 'gift(id: ID!, first: Int): Gift!'],
])('%s that is new breaks nothing', async (_, from, to) => {
  expect((await findBreaks(SCHEMA, after(from, to))).breaking).toEqual([]);
});

test('a new enum value is dangerous, and said to be', async () => {
  const { breaking, dangerous } = await findBreaks(SCHEMA, after('GREEN', 'GREEN BLUE'));
  expect(breaking).toEqual([]);
  expect(dangerous).toEqual([expect.stringContaining('Color.BLUE')]);
});

describe('accepted breaks', () => {
  const without = after('coins: Int!, ', '');

  test('pass, one by one, and are stale once they are not there', async () => {
    const [change] = (await findBreaks(SCHEMA, without)).breaking;
    const accepted = [{ change: change!, reason: 'Nobody has asked for it since 2025.' }];
    expect(await findBreaks(SCHEMA, without, accepted)).toEqual({ breaking: [], dangerous: [], stale: [] });
    expect((await findBreaks(SCHEMA, SCHEMA, accepted)).stale).toEqual([change]);
    const two = without.replace(' GREEN', '');
    expect((await findBreaks(SCHEMA, two, accepted)).breaking).toEqual([expect.stringMatching(/^Color\.GREEN: /)]);
  });

  test('those of this branch have a reason each', () => {
    for (const { reason } of ACCEPTED_BREAKS) expect(reason).toMatch(/^\p{Lu}.{10,}\.$/u);
  });
});
