/** The list of fields that move money names what there is: a field that is renamed would silently lose its stricter limit. */
import { readFile } from 'node:fs/promises';
import { buildSchema } from 'graphql';
import { expect, test } from 'vitest';
import { MONEY_FIELDS } from '../../src/graphql/operation-cost.ts';

test('every field that moves money is a mutation of the schema', async () => {
  const schema = buildSchema(await readFile(new URL('../../schema.graphql', import.meta.url), 'utf8'));
  const mutations = Object.keys(schema.getMutationType()!.getFields());
  expect([...MONEY_FIELDS].filter((name) => !mutations.includes(name))).toEqual([]);
});
