import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { renderChart } from './chart.ts';
import { type Result, renderDocument } from './markdown.ts';

/** The last result of each scenario, by name. */
export type Results = Record<string, Result>;

/** Reads what earlier runs have left; nothing, if there was none. */
export async function readResults(directory: string): Promise<Results> {
  try {
    return JSON.parse(await readFile(join(directory, 'benchmarks', 'results.json'), 'utf8')) as Results;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** Writes the results as JSON, the charts, and `benchmarks.md` over them with the sections in the order of `names`. */
export async function writeResults(directory: string, results: Results, names: readonly string[]): Promise<string> {
  const charts = join(directory, 'benchmarks');
  await mkdir(charts, { recursive: true });
  const json = join(charts, 'results.json');
  await writeFile(json, `${JSON.stringify(results, null, 2)}\n`);
  const ordered = names.flatMap((name) => results[name] ?? []);
  for (const chart of ordered.flatMap(({ section }) => section.charts)) {
    await writeFile(join(charts, `${chart.name}.svg`), `${renderChart(chart)}\n`);
  }
  const document = join(directory, 'benchmarks.md');
  await writeFile(document, renderDocument(ordered));
  // As the rest of the repository is, or the linter would complain.
  if (!relative('.', directory).startsWith('..')) {
    await promisify(execFile)('npx', ['--no-install', 'biome', 'format', '--write', document, json]);
  }
  return document;
}
