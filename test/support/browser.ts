/** Real Chromium, for what only a browser can show. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

/** One test in a browser may take this long: it starts a server and some pages. */
export const BROWSER_TEST_LIMIT_MS = 120_000;
/** How long the page may take to show what a test waits for, on a machine that is busy with other tests. */
const WAIT_MS_MAX = 45_000;

/** A page of somebody's own, and everything that went wrong in it: errors, and requests to elsewhere. */
export type Visit = { page: Page; problems: string[] };

/** Opens a page in a profile of its own, as another person at another machine would. */
export async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ locale: 'en-US', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS_MAX);
  const problems: string[] = [];
  const { origin } = new URL(url);
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) problems.push(`a request to ${request.url()}`);
  });
  await page.goto(url);
  return { page, problems };
}

/** Signs in through the page: one of the demo's people by a press, anybody else by name. */
export async function signInAs(page: Page, handle: string): Promise<void> {
  await page.locator('.topbar .button-primary').click();
  const person = page.locator('.person', { hasText: handle });
  if ((await person.count()) > 0) await person.click();
  else {
    await page.locator('dialog input').fill(handle);
    await page.locator('dialog form button').click();
  }
  await page.locator('.wallet-chip[data-coins]').waitFor();
}
