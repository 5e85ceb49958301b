/** The live room in real Chromium, against a real server: two people, each in a browser of their own. */
import type { Browser } from 'playwright-core';
import { expect, vi } from 'vitest';
import { testOn } from '../integration/support/shared-server.ts';
import { BROWSER_TEST_LIMIT_MS, signInAs, visit } from '../support/browser.ts';
import { launchChromium } from '../support/chromium.ts';

vi.setConfig({ testTimeout: BROWSER_TEST_LIMIT_MS });

const test = testOn({})
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from here.
  .extend('browser', { scope: 'file' }, async ({}, { onCleanup }): Promise<Browser> => {
    const browser = await launchChromium();
    onCleanup(() => browser.close());
    return browser;
  });

test('one sends gifts and says something, the other sees it at once', async ({ server, browser }) => {
  const { origin } = new URL(server.url);
  const giver = await visit(browser, origin);
  const watcher = await visit(browser, origin);
  await signInAs(giver.page, 'layla');
  for (const { page } of [giver, watcher]) await page.locator('.poster', { hasText: 'NPC' }).click();
  await watcher.page.locator('.row-news', { hasText: 'The stream began' }).waitFor();

  for (let tap = 0; tap < 3; tap++) await giver.page.locator('[data-gift="Rose"]').click();
  await giver.page.locator('.chat-box input').fill('Ice cream so good! آيس كريم');
  await giver.page.locator('.chat-box button').click();

  const row = watcher.page.locator('.row-gift', { hasText: 'Layla' });
  await expect.poll(() => row.locator('.row-count').textContent()).toBe('×3');
  expect(await row.count()).toBe(1); // a streak is one row
  await watcher.page.locator('.row-chat', { hasText: 'آيس كريم' }).waitFor();
  await expect.poll(() => giver.page.locator('.wallet-chip').getAttribute('data-coins')).toBe('9997');
  await watcher.page.locator('.gifter', { hasText: 'Layla' }).waitFor();
  expect([giver.problems, watcher.problems]).toEqual([[], []]);
});

test('a gift that earns a reaction has the creator perform', async ({ server, browser }) => {
  const { origin } = new URL(server.url);
  const { page, problems } = await visit(browser, origin);
  await signInAs(page, 'omar');
  await page.locator('.poster', { hasText: 'NPC' }).click();
  await page.locator('[data-gift="Ice Cream"]').click();
  await page.locator('[data-performing="Ice cream so good!"]').waitFor();
  await page.locator('.row-loud', { hasText: 'Ice cream so good!' }).waitFor();
  expect(problems).toEqual([]);
});

test('whoever has no coins is told so, and can get some there', async ({ server, browser }) => {
  const { origin } = new URL(server.url);
  const { page, problems } = await visit(browser, origin);
  await signInAs(page, 'newcomer');
  await page.locator('.poster', { hasText: 'NPC' }).click();
  await page.locator('[data-gift="Rose"]').click();
  await page.locator('[data-problem="InsufficientCoinsError"] .button-primary').click();
  await page.locator('[data-pack="70"]').click();
  await expect.poll(() => page.locator('.wallet-chip').getAttribute('data-coins')).toBe('70');
  expect(problems).toEqual([]);
});

test('in Arabic the page runs from right to left, and stays so', async ({ server, browser }) => {
  const { origin } = new URL(server.url);
  const { page, problems } = await visit(browser, origin);
  await page.locator('.topbar-end .button-quiet').click();
  await page.locator('h1', { hasText: 'مباشر الآن' }).waitFor();
  expect(await page.locator('html').getAttribute('dir')).toBe('rtl');
  await page.reload();
  await page.locator('h1', { hasText: 'مباشر الآن' }).waitFor();
  expect(problems).toEqual([]);
});
