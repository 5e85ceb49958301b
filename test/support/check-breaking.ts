/**
 * Compares schema.graphql with that of main, for `npm run check`: fails on what breaks clients, unless test/accepted-breaks.ts
 * has it with a reason. `--base <revision>` compares with another one. On main itself, and where there is no main, the schema
 * is compared with the one before its last change.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ACCEPTED_BREAKS } from '../accepted-breaks.ts';
import { findBreaks } from './breaking.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCHEMA = 'schema.graphql';
const SIZE_MAX = 16 * 1024 * 1024;

function git(...args: string[]): string | undefined {
  try {
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: SIZE_MAX, stdio }).trim();
  } catch {
    return undefined; // No git, no such revision, or no such file in it: nothing to compare with there.
  }
}

const commitOf = (revision: string) => git('rev-parse', '--verify', '--quiet', `${revision}^{commit}`);

/** The revision to compare with. */
function findBase(): string | undefined {
  const head = commitOf('HEAD');
  const main = ['main', 'origin/main'].find((revision) => commitOf(revision) !== undefined);
  if (main !== undefined && commitOf(main) !== head) return main;
  // The commit that changed the schema last, or the one before it where nothing was changed since.
  const isChanged = git('diff', '--quiet', 'HEAD', '--', SCHEMA) === undefined;
  const [last, before] = (git('log', '-2', '--format=%H', '--', SCHEMA) ?? '').split('\n');
  return (isChanged ? last : before) || undefined;
}

async function check(): Promise<number> {
  const { base: given } = parseArgs({ options: { base: { type: 'string' } } }).values;
  const say = (line: string) => process.stdout.write(`breaking changes: ${line}\n`);
  if (given === undefined && commitOf('HEAD') === undefined) {
    say('no git here, so there is nothing to compare schema.graphql with');
    return 0;
  }
  const base = given ?? findBase();
  const before = base === undefined ? undefined : git('show', `${base}:${SCHEMA}`);
  if (before === undefined) {
    if (given !== undefined) {
      say(`${given} has no ${SCHEMA}: name a revision that has`);
      return 1;
    }
    say('this clone has no main and no earlier schema.graphql (a shallow one?), so there is nothing to compare with');
    return 0;
  }
  const { breaking, dangerous, stale } = await findBreaks(
    before,
    readFileSync(`${ROOT}/${SCHEMA}`, 'utf8'),
    ACCEPTED_BREAKS,
  );
  for (const change of dangerous) say(`dangerous: ${change}`);
  for (const change of breaking) say(`BREAKING: ${change}`);
  for (const change of stale) say(`accepted, but not there: take it off test/accepted-breaks.ts: ${change}`);
  say(`${breaking.length} breaking and ${dangerous.length} dangerous against ${base}`);
  return breaking.length + stale.length > 0 ? 1 : 0;
}

process.exitCode = await check();
