/** The live room in real Chromium, against a real server: two people, each in a browser of their own. */
import type { Page } from 'playwright-core';
import { describe, expect, vi } from 'vitest';
import { en } from '../../examples/live-room/src/i18n/en.ts';
import { fundBox, reachOpening } from '../integration/support/boxes.ts';
import { rowOf } from '../integration/support/ids.ts';
import { buyCoins, mutate, query, sendChatMessage, sendGift, signIn, succeed } from '../support/operations.ts';
import { addAddress, makeProduct, makeShop, setStock } from '../support/shop.ts';
import { violationsOf } from './support/accessibility.ts';
import { BROWSER_TEST_LIMIT_MS, feed, roomPath, test } from './support/test.ts';
import { signInAs } from './support/visit.ts';

vi.setConfig({ testTimeout: BROWSER_TEST_LIMIT_MS });

describe('gifts', () => {
  test('one sends gifts and says something, the other sees it at once', async ({ open }) => {
    const giver = await open();
    const watcher = await open();
    await signInAs(giver, 'layla');
    for (const page of [giver, watcher]) await page.locator('.poster', { hasText: 'NPC' }).click();
    await watcher.locator('.row-news', { hasText: 'The stream began' }).waitFor();

    for (let tap = 0; tap < 3; tap++) await giver.locator('[data-gift="Rose"]').click();
    await giver.locator('.chat-box input').fill('Ice cream so good! آيس كريم');
    await giver.locator('.chat-box button').click();

    const row = watcher.locator('.row-gift', { hasText: 'Layla' });
    await expect.poll(() => row.locator('.row-count').textContent()).toBe('×3');
    expect(await row.count()).toBe(1); // a streak is one row
    await watcher.locator('.row-chat', { hasText: 'آيس كريم' }).waitFor();
    await expect.poll(() => giver.locator('.wallet-chip').getAttribute('data-coins')).toBe('9997');
    await watcher.locator('.gifter', { hasText: 'Layla' }).waitFor();
    // What a screen reader says comes a little at a time.
    await watcher
      .getByRole('status')
      .filter({ hasText: /Ice cream so good/ })
      .waitFor({ state: 'attached' });
  });

  test('a gift that earns a reaction has the creator perform', async ({ open }) => {
    const page = await open();
    await signInAs(page, 'omar');
    await page.locator('.poster', { hasText: 'NPC' }).click();
    // Looked for before it begins: it is over after some seconds.
    const performed = page.locator('[data-performing="Ice cream so good!"]').waitFor();
    await Promise.all([performed, page.locator('[data-gift="Ice Cream"]').click()]);
    await page.locator('.row-loud', { hasText: 'Ice cream so good!' }).waitFor();
  });

  test('whoever has no coins is told so, and can get some there', async ({ open }) => {
    const page = await open();
    await signInAs(page, 'newcomer');
    await page.locator('.poster', { hasText: 'NPC' }).click();
    await page.locator('[data-gift="Rose"]').click();
    await page.locator('[data-problem="InsufficientCoinsError"] .button-primary').click();
    await page.locator('[data-pack="70"]').click();
    await expect.poll(() => page.locator('.wallet-chip').getAttribute('data-coins')).toBe('70');
  });

  test('whoever has not said how old they are is asked, and then gives', async ({ db, live, funded, open }) => {
    // Whoever signs in to the demo counts as an adult; this one has said nothing yet.
    await db.pool.query('UPDATE viewer SET birth_date = NULL, region = NULL WHERE id = $1', [rowOf(funded.id)]);
    const page = await open({ handle: funded.handle, path: roomPath(live.streamId) });
    await page.locator('[data-gift="Rose"]').click();
    await page.locator('[data-problem="AgeRestrictedError"]').getByRole('button', { name: en['age.title'] }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(en['age.birthDate']).fill('1999-12-31');
    await dialog.getByRole('button', { name: en['age.confirm'] }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.locator('[data-gift="Rose"]').click();
    await page.locator('.row-gift').waitFor();
    expect(await page.locator('[data-problem]').count()).toBe(0);
  });

  test('a treasure box opens before one’s eyes, and a share of it is one’s own', async ({ server, db, live, open }) => {
    const [funder, lucky] = await Promise.all([signIn(server), signIn(server)]);
    succeed(await buyCoins(funder, { coins: 350 }));
    const page = await open({ handle: lucky.handle, path: roomPath(live.streamId) });
    await feed(page).waitFor();
    const { box } = succeed(await fundBox(funder, live.streamId, { coins: 100, shares: 2 }));
    const shown = page.locator('.box');
    await shown.getByText(/2 shares/).waitFor();
    expect(await shown.getByRole('button').isDisabled(), 'it is not open yet').toBe(true);
    await reachOpening(db.pool, box.id);
    await shown.getByRole('button', { name: en['box.claim'] }).click();
    await shown.locator('.chip-good').waitFor();
    await expect.poll(() => page.locator('.wallet-chip').getAttribute('data-coins')).toBe('50');
    await shown.getByText(/one share|1 share/i).waitFor();
  });
});

test('one follows a creator, and no longer when it is pressed again', async ({ live, viewer, open }) => {
  const FOLLOWED = 'query Followed($handle: String!) { creator(handle: $handle) { isFollowed } }';
  const followed = () => query(viewer.api, FOLLOWED, { handle: live.creator.handle });
  const page = await open({ handle: viewer.handle, path: roomPath(live.streamId) });
  await page.getByRole('button', { name: en['room.follow'], exact: true, pressed: false }).click();
  await expect.poll(followed).toEqual({ creator: { isFollowed: true } });
  await page.getByRole('button', { name: en['room.following'], exact: true, pressed: true }).click();
  await expect.poll(followed).toEqual({ creator: { isFollowed: false } });
});

describe('one click', () => {
  const ORDERS = '{ me { orders(first: 5) { edges { node { total { minorUnits } } } } } }';
  type Orders = { me: { orders: { edges: { node: { total: { minorUnits: number } } }[] } } };

  test('never pays a new price unasked, and says what is sold out', async ({ server, live, open }) => {
    const shop = await makeShop(server);
    const { productId, sku } = await makeProduct(shop, { title: 'Paper moon', priceMinor: 2_500, stock: 1 });
    succeed(await mutate(live.creator.api, 'pinProduct', { streamId: live.streamId, productId }));
    const [buyer, late] = await Promise.all([signIn(server), signIn(server)]);
    await Promise.all([addAddress(buyer), addAddress(late)]);
    const [page, other] = await Promise.all([
      open({ handle: buyer.handle, path: roomPath(live.streamId) }),
      open({ handle: late.handle, path: roomPath(live.streamId) }),
    ]);
    const pay = (window: Page) => window.getByRole('dialog').locator('[data-action=pay]');
    for (const window of [page, other]) {
      await window.locator('[data-product="Paper moon"] [data-action=buy]').click();
      await pay(window).getByText('$25.00').waitFor();
    }
    const bought = async () => (await query<Orders>(buyer.api, ORDERS)).me.orders.edges.map(({ node }) => node.total);

    succeed(await mutate(shop.member.api, 'updateProduct', { productId, variants: [{ sku, priceMinor: 3_100 }] }));
    await pay(page).click();
    await page.getByRole('alert').getByText('$31.00').waitFor();
    await pay(page).getByText('$31.00').waitFor();
    expect(await bought(), 'nothing is paid before it is asked again').toEqual([]);
    await pay(page).click();
    await page.getByRole('dialog').getByText(en['shop.thanks']).waitFor();
    expect(await bought()).toEqual([{ minorUnits: 3_100 }]);

    await pay(other).click();
    await pay(other).getByText('$31.00').waitFor();
    await pay(other).click();
    await other.getByRole('alert').getByText(en['problem.soldOut']).waitFor();
    expect(await pay(other).isDisabled()).toBe(true);
    await other.reload();
    const card = other.locator('[data-product="Paper moon"] [data-action=buy]');
    await card.getByText(en['feed.offerSoldOut']).waitFor();
    expect(await card.isDisabled()).toBe(true);
    succeed(await setStock(shop, { sku, onHand: 3 }));
    await other.reload();
    await card.getByText('$31.00').waitFor();
  });
});

describe('for everybody', () => {
  test('in Arabic the page runs from right to left, and stays so', async ({ open }) => {
    const page = await open();
    await page.locator('.topbar-end .button-quiet').click();
    await page.locator('h1', { hasText: 'مباشر الآن' }).waitFor();
    await expect.poll(() => page.locator('html').getAttribute('dir')).toBe('rtl');
    await expect.poll(() => page.locator('html').getAttribute('lang')).toBe('ar');
    await page.reload();
    await page.locator('h1', { hasText: 'مباشر الآن' }).waitFor();
  });

  test.for(['en', 'ar'] as const)('axe finds nothing serious (%s)', async (language, { server, live, open }) => {
    const speaker = await signIn(server);
    succeed(await buyCoins(speaker, { coins: 350 }));
    for (const text of ['hello', 'مرحبا']) succeed(await sendChatMessage(speaker, live.streamId, text));
    succeed(await sendGift(speaker, live.streamId));
    succeed(await fundBox(speaker, live.streamId));
    const page = await open({ handle: live.creator.handle, language, phone: language === 'ar' });
    const views = {
      '/': '.poster',
      [roomPath(live.streamId)]: '.row-gift',
      '/wallet': '.balance',
      '/studio': '.words',
      '/orders': 'h1',
    };
    for (const [path, shown] of Object.entries(views)) {
      await page.goto(new URL(path, page.url()).href);
      await page.locator(shown).first().waitFor({ state: 'attached' });
      await page.locator('main .spinner').first().waitFor({ state: 'detached' });
      expect(await violationsOf(page), path).toEqual([]);
    }
    await page.locator('.wallet-chip').click();
    await page.getByRole('dialog').locator('.pack').first().waitFor();
    expect(await violationsOf(page), 'a dialog').toEqual([]);
  });
});
