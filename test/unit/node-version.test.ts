import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkNodeVersion, NODE_MIN } from '../../src/kernel/node-version.ts';
import { StartError } from '../../src/kernel/start-error.ts';

test('what package.json asks for is what the start checks', () => {
  const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(engines.node).toBe(`>=${NODE_MIN.join('.')}`);
});

test.each(['18.20.8', '20.18.3', '14.0.0'])('Node %s is refused in one line', (version) => {
  expect(() => checkNodeVersion(version)).toThrow(
    new StartError(`This is Node ${version}: Hadiya needs 20.19 or newer`),
  );
});

test.each(['20.19.0', '20.20.2', '22.0.0', process.versions.node])('Node %s is taken', (version) => {
  checkNodeVersion(version);
});
