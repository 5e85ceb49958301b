/** The page in a real browser: one server, one browser and one build of the page for all tests of a file. */
import type { Browser, Page } from 'playwright-core';
import { expect } from 'vitest';
import { testOn } from '../../integration/support/shared-server.ts';
import { launchChromium } from '../../support/chromium.ts';
import { buildRoom } from './built-room.ts';
import { type Visit, type VisitOptions, visit } from './visit.ts';

/** One test in a browser may take this long: the first of a file builds the page, and starts a server and the browser, or installs it. */
export const BROWSER_TEST_LIMIT_MS = 600_000;

/** Where a stream is shown. */
export const roomPath = (streamId: string) => `/streams/${encodeURIComponent(streamId)}`;
/** What happens in the stream that a page shows. */
export const feed = (page: Page) => page.getByRole('log');

/** Taps are one streak, however long a busy browser takes for each. */
const STREAK_WINDOW_MS = 3_600_000;

/** `open` opens the page for somebody; what went wrong in it fails the test. */
export const test = testOn({ overrides: { gifts: { streakWindowMs: STREAK_WINDOW_MS } } })
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from here.
  .extend('browser', { scope: 'file' }, async ({}, { onCleanup }): Promise<Browser> => {
    await buildRoom();
    const browser = await launchChromium();
    onCleanup(() => browser.close());
    return browser;
  })
  .extend('open', async ({ server, browser }, { onCleanup }) => {
    const visits: { made: Visit; mayLoseTheLine: boolean }[] = [];
    onCleanup(async () => {
      const problems = visits.flatMap(({ made, mayLoseTheLine }) =>
        made.problems.filter((problem) => !mayLoseTheLine || !problem.includes('net::ERR_')),
      );
      await Promise.all(visits.map(({ made }) => made.close()));
      expect(problems).toEqual([]);
    });
    return async (options: Omit<VisitOptions, 'url'> & { url?: string } = {}) => {
      const made = await visit(browser, { url: new URL(server.url).origin, ...options });
      visits.push({ made, mayLoseTheLine: options.url !== undefined });
      return made.page;
    };
  });
