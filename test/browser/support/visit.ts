/** Somebody with a browser of their own. */
import type { Browser, Page } from 'playwright-core';
import { signIn } from '../../support/operations.ts';

/** How a visit begins. */
export type VisitOptions = {
  url: string;
  /** Who it is; nobody without. */
  handle?: string;
  language?: 'en' | 'ar';
  path?: string;
  /** As wide as a phone. */
  phone?: boolean;
};

/** A browser window in which somebody is, and what went wrong in it. */
export type Visit = {
  page: Page;
  /** Errors of scripts and of the console, breaches of the page's security policy, and requests to elsewhere. */
  problems: string[];
  close: () => Promise<void>;
};

/** How long something may take to appear, on a machine that is busy with other tests: less than a test, which then says what it was. */
const WAIT_MS_MAX = 45_000;
const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };

/** Opens the page in a context of its own: its own storage, its own socket, its own sign-in. */
export async function visit(browser: Browser, options: VisitOptions): Promise<Visit> {
  const { url, handle, language = 'en', path = '/', phone = false } = options;
  const context = await browser.newContext({ locale: language, viewport: phone ? PHONE : DESKTOP });
  const problems: string[] = [];
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS_MAX);
  page.on('pageerror', (error) => problems.push(`script: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) problems.push(`a request to ${request.url()}`);
  });
  if (handle !== undefined) {
    const { id, token } = await signIn({ url: `${url}/graphql` }, handle);
    const session = {
      token,
      expiresAt: new Date(Date.now() + 3_000_000).toISOString(),
      viewer: { id, handle, displayName: handle },
    };
    await context.addInitScript((kept) => sessionStorage.setItem('hadiya.session', kept), JSON.stringify(session));
  }
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      // biome-ignore lint/suspicious/noConsole: it runs in the page, whose console is listened to.
      console.error(`policy: ${violatedDirective} ${blockedURI}`);
    });
  });
  await page.goto(`${url}${path}`);
  return { page, problems, close: () => context.close() };
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
