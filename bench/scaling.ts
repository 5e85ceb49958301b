/**
 * Simulates one stream of up to a million viewers from what the benchmarks have measured, and writes it into docs/scaling.md:
 *
 *   node --import tsx bench/scaling.ts
 */
import { readFile, writeFile } from 'node:fs/promises';
import { readResults } from './report/results.ts';
import { readCosts } from './scaling/costs.ts';
import { renderReport } from './scaling/report.ts';

const DOCUMENT = 'docs/scaling.md';
const BEGIN = '<!-- simulation: written by bench/scaling.ts, do not edit -->';
const END = '<!-- end of the simulation -->';

const text = await readFile(DOCUMENT, 'utf8');
const [before, rest] = text.split(BEGIN);
const after = rest?.split(END)[1];
if (after === undefined) throw new Error(`${DOCUMENT} has lost the place that the simulation is written to`);
const report = renderReport(readCosts(await readResults('docs')));
await writeFile(DOCUMENT, `${before}${BEGIN}\n\n${report}\n\n${END}${after}`);
