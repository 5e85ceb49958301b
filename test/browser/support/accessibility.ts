/** What axe-core finds wrong with a page for people who see little, hear it read out, or have no mouse. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const GRAVE = new Set<unknown>(['serious', 'critical']);

/** The serious and critical violations on a page as it is now: the rule, where, and what about it. */
export async function violationsOf(page: Page): Promise<string[]> {
  // What fades in has no colour of its own yet.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  // Evaluated, not added to the page: the page's own policy lets no script in but its own.
  await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations } = await page.evaluate(
    () => (globalThis as unknown as { axe: { run: () => Promise<AxeResults> } }).axe.run() as Promise<AxeResults>,
  );
  return violations
    .filter(({ impact }) => GRAVE.has(impact))
    .flatMap(({ id, nodes }) => nodes.map(({ target, any }) => `${id}: ${target.join(' ')} ${any[0]?.message ?? ''}`));
}
