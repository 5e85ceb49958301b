/** docs/clients.md shows the files that the tests run, and the helper is as short as it says. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { embed } from '../support/embed.ts';

const page = readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8');

test('every block of the page is a file of the examples as it stands', () => {
  expect(embed(page), 'run node --import tsx test/support/embed.ts docs/clients.md').toBe(page);
  const blocks = page.match(/^```ts$/gm) ?? [];
  const embedded = page.match(/^\[(examples\/\S+\.ts)\]\(\.\.\/\1\)\n\n```ts$/gm) ?? [];
  expect(embedded.length).toBeGreaterThan(8);
  expect(embedded).toHaveLength(blocks.length);
});

test('the helper has 40 lines of code at the most, and needs nothing but types', () => {
  const helper = readFileSync(new URL('../../examples/resume.ts', import.meta.url), 'utf8');
  const code = helper.split('\n').filter((line) => /\w/.test(line) && !/^\s*(\/\/|\/\*\*)/.test(line));
  expect(code.length).toBeLessThanOrEqual(40);
  const imports = code.filter((line) => line.startsWith('import '));
  expect(imports).toEqual([expect.stringMatching(/^import type .* from 'graphql-ws';$/)]);
});
