/** Compares schema.graphql with the contract and prints every difference, for `npm run check`. The contract test does the same. */
import { readFileSync } from 'node:fs';
import { CONTRACT_MISSING } from '../contract-missing.ts';
import { compareContract, reconcile } from './contract.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const { wrong, missing } = compareContract(read('../contract.graphql'), read('../../schema.graphql'));
const { unlisted, done } = reconcile(missing, CONTRACT_MISSING);
const problems = [
  ...wrong,
  ...unlisted.map((coordinate) => `${coordinate} is missing`),
  ...done.map((coordinate) => `${coordinate} is present: take it off test/contract-missing.ts`),
];
for (const problem of problems) process.stderr.write(`contract: ${problem}\n`);
process.exitCode = problems.length > 0 ? 1 : 0;
