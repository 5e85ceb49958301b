import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { printSchema } from 'graphql';
import { buildSchema } from './schema.ts';

// Writes schema.graphql, which is committed: what front-end teams generate code from, and what reviews show changes of.
writeFileSync(
  fileURLToPath(new URL('../../schema.graphql', import.meta.url)),
  `${printSchema(buildSchema({ demo: true }))}\n`,
);
