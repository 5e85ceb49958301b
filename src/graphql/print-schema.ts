import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { printSchema } from 'graphql';
import { buildSchema } from './schema.ts';

// Writes schema.graphql, which is committed: what front-end teams generate code from, and what reviews show changes of.
// With --check it writes nothing and fails when the file is not up to date.
const file = fileURLToPath(new URL('../../schema.graphql', import.meta.url));
const printed = `${printSchema(buildSchema({ demo: true }))}\n`;
if (!process.argv.includes('--check')) {
  writeFileSync(file, printed);
} else if (readFileSync(file, 'utf8') !== printed) {
  process.stderr.write('schema.graphql is out of date: run npm run schema and commit it\n');
  process.exitCode = 1;
}
