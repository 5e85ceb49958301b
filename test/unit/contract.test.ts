/** schema.graphql holds everything that contract.graphql promises, save what test/contract-missing.ts lists. */
import { readFile } from 'node:fs/promises';
import { buildSchema, parse, validateSchema } from 'graphql';
import { describe, expect, test } from 'vitest';
import { CONTRACT_MISSING } from '../contract-missing.ts';
import { compareContract, reconcile } from '../support/contract.ts';

const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8');

describe('schema.graphql', () => {
  test('is a valid schema', async () => {
    expect(validateSchema(buildSchema(await read('../../schema.graphql')))).toEqual([]);
  });

  test('says nothing otherwise than the contract', async () => {
    const { wrong } = compareContract(await read('../contract.graphql'), await read('../../schema.graphql'));
    expect(wrong).toEqual([]);
  });

  test('lacks exactly what is listed', async () => {
    const { missing } = compareContract(await read('../contract.graphql'), await read('../../schema.graphql'));
    const { unlisted, done } = reconcile(missing, CONTRACT_MISSING);
    expect(unlisted, 'missing in schema.graphql').toEqual([]);
    expect(done, 'present now: take it off test/contract-missing.ts').toEqual([]);
  });
});

test('the contract can be read', async () => {
  expect(parse(await read('../contract.graphql')).definitions.length).toBeGreaterThan(70);
});

describe('the comparator', () => {
  const CONTRACT = `
    interface Node { id: ID! }
    type Query { gift(id: ID!, first: Int): Gift, gifts: [Gift!]! }
    type Mutation { sendGift(input: SendGiftInput!): SendGiftResult! }
    type Gift implements Node { id: ID!, coins: Int! }
    enum Color { RED GREEN }
    input SendGiftInput { giftId: ID!, quantity: Int! = 1 }`;
  const SAME = `${CONTRACT} type SendGiftSuccess { ok: Int } union SendGiftResult = SendGiftSuccess`;
  const compare = (from: string, to: string) => {
    expect(SAME).toContain(from);
    return compareContract(CONTRACT, SAME.replace(from, to));
  };

  test('finds nothing in an equal schema', () => {
    expect(compareContract(CONTRACT, SAME)).toEqual({ missing: [], wrong: [] });
  });

  test.each([
    ['more fields', 'coins: Int!', 'coins: Int!, name: String!'],
    ['an optional argument', 'first: Int)', 'first: Int, after: String)'],
    ['a required argument with a default', 'first: Int)', 'first: Int, size: Int! = 5)'],
    ['an optional input field', 'giftId: ID!,', 'giftId: ID!, note: String,'],
    ['more enum values', 'RED GREEN', 'BLUE RED GREEN'],
    ['more union members', '= SendGiftSuccess', '= Gift | SendGiftSuccess'],
    ['a default where the contract has none', 'first: Int)', 'first: Int = 20)'],
  ])('allows %s', (_, from, to) => {
    expect(compare(from, to)).toEqual({ missing: [], wrong: [] });
  });

  test.each([
    ['a field', 'coins: Int!', 'price: Int!', 'Gift.coins'],
    ['a query', 'gifts: [Gift!]!', '', 'Query.gifts'],
    ['an argument', ', first: Int', '', 'Query.gift(first:)'],
    ['an enum value', ' GREEN', '', 'Color.GREEN'],
    ['an input field', ', quantity: Int! = 1', '', 'SendGiftInput.quantity'],
    ['an interface', 'Gift implements Node', 'Gift', 'Gift implements Node'],
    ['a type', 'type Gift implements Node { id: ID!, coins: Int! }', '', 'Gift'],
  ])('misses %s', (_, from, to, coordinate) => {
    expect(compare(from, to)).toEqual({ missing: [coordinate], wrong: [] });
  });

  test.each([
    ['nullability', '[Gift!]!', '[Gift!]', 'Query.gifts: [Gift!], the contract says [Gift!]!'],
    ['a type', 'coins: Int!', 'coins: Float!', 'Gift.coins: Float!, the contract says Int!'],
    ['an argument type', 'gift(id: ID!', 'gift(id: ID', 'Query.gift(id:): ID, the contract says ID!'],
    ['a default', '= 1', '= 2', 'SendGiftInput.quantity: default 2, the contract says 1'],
    ['a lost default', ' = 1', '', 'SendGiftInput.quantity: default none, the contract says 1'],
    ['a required argument', 'first: Int)', 'first: Int, x: Int!)', 'Query.gift:x is required'],
    ['a required input', 'giftId: ID!,', 'giftId: ID!, x: ID!,', 'SendGiftInput.x is required'],
    ['the kind', 'enum Color { RED GREEN }', 'scalar Color', 'Color is ScalarTypeDefinition'],
    ['a result without success', '= SendGiftSuccess', '= Gift', 'SendGiftResult does not hold SendGiftSuccess'],
    ['a result that is no union', 'union SendGiftResult = SendGiftSuccess', 'scalar SendGiftResult', 'is no union'],
  ])('objects to %s', (_, from, to, complaint) => {
    expect(compare(from, to)).toEqual({ missing: [], wrong: [expect.stringContaining(complaint)] });
  });

  test('wants the list to be exact', () => {
    expect(reconcile(['A', 'B'], ['B', 'C'])).toEqual({ unlisted: ['A'], done: ['C'] });
  });
});
