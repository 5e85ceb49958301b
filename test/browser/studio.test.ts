/** The live room in a real browser, as people use it: two at once, with the line cut, buying, performing, in both languages. */
import { describe, expect, vi } from 'vitest';
import { en } from '../../examples/live-room/src/i18n/en.ts';
import { readEvents } from '../integration/support/log.ts';
import {
  type Actor,
  buyCoins,
  freshHandle,
  mutate,
  query,
  sendChatMessage,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { layLine } from './support/cut-line.ts';
import { BROWSER_TEST_LIMIT_MS, feed, roomPath, test } from './support/test.ts';

vi.setConfig({ testTimeout: BROWSER_TEST_LIMIT_MS });

async function funded(server: { url: string }): Promise<Actor> {
  const viewer = await signIn(server);
  succeed(await buyCoins(viewer, { coins: 3_500 }));
  return viewer;
}

describe('a room', () => {
  test('shows one viewer what another gives, and counts the streak', async ({ server, live, open }) => {
    const giver = await funded(server);
    const [one, other] = await Promise.all([
      open({ handle: giver.handle, path: roomPath(live.streamId) }),
      open({ path: roomPath(live.streamId) }),
    ]);
    await feed(other).waitFor();
    const rose = one.getByRole('button', { name: /Rose/ }).first();
    for (let sent = 1; sent <= 3; sent++) {
      await rose.click();
      await expect
        .poll(
          async () =>
            (await readEvents(giver, live.streamId)).filter(({ __typename }) => __typename === 'GiftSent').length,
        )
        .toBe(sent);
    }
    for (const page of [one, other]) {
      const row = feed(page)
        .locator('.row-gift')
        .filter({ hasText: new RegExp(giver.handle, 'i') });
      await row.filter({ hasText: '3' }).waitFor();
      expect(await row.count(), 'one row for the streak').toBe(1);
    }
  });

  test('goes on without a gap or a double when the line was cut', async ({ server, live, open }) => {
    const line = await layLine(server.url);
    const page = await open({ url: line.url, path: roomPath(live.streamId) });
    const speaker = await funded(server);
    const say = async (text: string) => succeed(await sendChatMessage(speaker, live.streamId, text));
    await feed(page).waitFor();
    await say('before');
    await feed(page).getByText('before', { exact: true }).waitFor();
    line.cut();
    await page.getByText(en['connection.lost']).waitFor();
    for (let said = 1; said <= 12; said++) await say(`while away ${said}`);
    for (let given = 1; given <= 5; given++) succeed(await sendGift(speaker, live.streamId));
    line.mend();
    await feed(page).getByText('while away 12', { exact: true }).waitFor();
    await say('after');
    await feed(page).getByText('after', { exact: true }).waitFor();
    const shown = await feed(page)
      .locator('.row-chat')
      .evaluateAll((rows) => rows.map((row) => Number((row as HTMLElement).dataset.seq)));
    const events = await readEvents(speaker, live.streamId);
    expect(shown).toEqual(events.filter(({ __typename }) => __typename === 'ChatMessage').map(({ seq }) => seq));
    expect(shown).toHaveLength(14);
    const roses = await feed(page).locator('.row-gift').allInnerTexts();
    expect(roses).toHaveLength(1);
    expect(roses[0]).toMatch(/5/);
    await page.close();
    await line.close();
  });

  test('lets one in by a press on a name', async ({ open }) => {
    const page = await open();
    await page.getByRole('button', { name: en['session.signIn'] }).click();
    await page.getByRole('button', { name: 'layla' }).click();
    await page.locator('.wallet-chip').getByText('10,000').waitFor();
  });
});

describe('the studio', () => {
  test('takes one from nobody to a creator who performs, pins and sells', async ({ server, open }) => {
    const handle = freshHandle('star');
    const studio = await open({ handle, path: '/studio' });
    await studio.getByLabel(en['studio.streamTitle']).fill('My very first stream');
    await studio.getByRole('button', { name: en['studio.goLive'] }).click();
    await studio.getByText(en['studio.onAir']).waitFor();
    const FIND = 'query Find($handle: String!) { creator(handle: $handle) { currentStream { id } } }';
    type Found = { creator: { currentStream: { id: string } } };
    const streamId = (await query<Found>(server.http(), FIND, { handle })).creator.currentStream.id;
    const viewer = await funded(server);
    const room = await open({ handle: viewer.handle, path: roomPath(streamId) });

    await studio.getByLabel(en['studio.rulePhrase']).fill('Hop hop!');
    await studio.getByRole('button', { name: en['studio.addRule'] }).click();
    await studio.getByRole('region', { name: en['studio.rules'] }).getByText('Hop hop!').waitFor();
    // Two coins are one diamond: a single rose would not be seen among the earnings yet.
    succeed(await sendGift(viewer, streamId, { quantity: 2 }));
    const queue = studio.getByRole('region', { name: en['studio.queue'] });
    await queue.getByText('Hop hop!').waitFor();
    await queue.getByRole('button', { name: en['studio.perform'], exact: true }).click();
    await feed(room).locator('.row-loud').filter({ hasText: 'Hop hop!' }).waitFor();
    await queue.getByText(en['studio.queueEmpty']).waitFor();

    const shop = studio.getByRole('region', { name: en['studio.shop'] });
    await shop.getByRole('searchbox').fill('lantern');
    const product = shop.locator('.line').filter({ hasText: 'Brass Ramadan lantern' });
    await product.getByRole('button', { name: en['studio.pin'], exact: true }).click();
    await shop.getByText(/Pinned: .?Brass Ramadan lantern/).waitFor();
    await feed(room)
      .getByText(/Brass Ramadan lantern/)
      .first()
      .waitFor();
    expect(
      await product.getByRole('button', { name: en['studio.offer'] }).count(),
      'the price is another merchant’s',
    ).toBe(0);

    await studio.getByLabel(en['studio.goalTitle']).fill('A song');
    await studio.getByRole('button', { name: en['studio.goalStart'] }).click();
    await studio.getByRole('region', { name: en['studio.goals'] }).getByText('A song').waitFor();
    await studio
      .getByRole('region', { name: en['studio.earnings'] })
      .getByText(/Rose.? by/)
      .waitFor();
    await studio.getByRole('button', { name: en['studio.end'] }).click();
    await studio.getByRole('dialog').getByRole('button', { name: en['studio.end'] }).click();
    await studio.getByRole('button', { name: en['studio.goLive'] }).waitFor();
  });
});

describe('a shop and a battle', () => {
  test('a shop offers, a viewer buys in one click and follows the order', async ({ server, open }) => {
    const FIND = 'query Find($handle: String!) { creator(handle: $handle) { currentStream { id } } }';
    type Found = { creator: { currentStream: { id: string } } };
    const streamId = (await query<Found>(server.http(), FIND, { handle: 'souq' })).creator.currentStream.id;
    const buyer = await signIn(server);
    const home = { name: buyer.handle, line1: '1 Creek Street', city: 'Dubai', country: 'AE', idempotencyKey: 'home' };
    succeed(await mutate(buyer.api, 'addAddress', home));
    const [studio, room] = await Promise.all([
      open({ handle: 'souq', path: '/studio' }),
      open({ handle: buyer.handle, path: roomPath(streamId) }),
    ]);
    const shop = studio.getByRole('region', { name: en['studio.shop'] });
    await shop.getByRole('searchbox').fill('candle');
    const product = shop.locator('.line').filter({ hasText: 'Oud and amber candle' });
    await product.getByRole('button', { name: en['studio.offer'], exact: true }).click();
    await studio.getByRole('button', { name: en['studio.offerStart'] }).click();
    await shop.locator('[data-offer]').getByText('10 of 10 left').waitFor();
    const card = room.locator('[data-product="Oud and amber candle"]');
    await card.locator('[data-action=buy]').click();
    await room.getByRole('dialog').locator('[data-action=pay]').click();
    await card.locator('[data-remaining="9"]').waitFor();
    await shop.locator('[data-offer]').getByText('9 of 10 left').waitFor();
    await room.goto(new URL('/orders', room.url()).href);
    await room.locator('.order-card').filter({ hasText: 'Oud and amber candle' }).click();
    await expect.poll(() => room.locator('.order').getAttribute('data-state')).toBe('PAID');
    await shop.getByRole('button', { name: en['studio.offerEnd'] }).click();
    await shop.locator('[data-offer]').waitFor({ state: 'detached' });
  });

  test('fights a battle, and shuts somebody up', async ({ server, live, open }) => {
    const rival = await signIn(server, freshHandle('rival'));
    const rivalStream = await startStream(rival);
    const loud = await funded(server);
    succeed(await sendChatMessage(loud, live.streamId, 'I am very loud'));
    const studio = await open({ handle: live.creator.handle, path: '/studio' });
    const people = studio.getByRole('region', { name: en['studio.people'] });
    await people.getByText('I am very loud').waitFor();
    await people.getByRole('button', { name: en['studio.mute'] }).click();
    await people.getByText(/is muted/).waitFor();
    expect(await sendChatMessage(loud, live.streamId, 'still here')).toMatchObject({ code: 'MUTED' });
    const rules = studio.getByRole('region', { name: en['studio.moderation'] });
    await rules.getByRole('button', { name: en['studio.unmute'] }).click();
    await rules.getByText(en['studio.shutOutNone']).waitFor();
    succeed(await sendChatMessage(loud, live.streamId, 'thank you'));

    succeed(
      await mutate(rival.api, 'inviteToBattle', {
        streamId: rivalStream.id,
        opponentStreamId: live.streamId,
        durationSeconds: 60,
      }),
    );
    const battle = studio.getByRole('region', { name: en['studio.battle'] });
    // No event tells of an invitation: anything that happens in the stream brings it along.
    succeed(await sendChatMessage(await funded(server), live.streamId, 'a battle?'));
    await battle.getByRole('button', { name: en['studio.battleAccept'] }).click();
    await battle.locator('.duel').waitFor();
  });
});

describe('moderation', () => {
  test('slow mode, blocked words and a moderator, who mutes from a row of the chat', async ({ server, live, open }) => {
    const [helper, loud] = await Promise.all([signIn(server), signIn(server)]);
    succeed(await sendChatMessage(helper, live.streamId, 'may I help?'));
    const studio = await open({ handle: live.creator.handle, path: '/studio' });
    const people = studio.getByRole('region', { name: en['studio.people'] });
    const rules = studio.getByRole('region', { name: en['studio.moderation'] });
    await people.getByRole('button', { name: en['studio.appoint'] }).click();
    await people.getByText(en['studio.moderator'], { exact: true }).waitFor();
    await rules.getByLabel(en['studio.words']).fill('grapefruit');
    await rules.getByRole('button', { name: en['studio.wordsBlock'] }).click();
    await rules.getByRole('listitem').filter({ hasText: 'grapefruit' }).waitFor();
    expect(await sendChatMessage(loud, live.streamId, 'a Grapefruit!')).toMatchObject({ code: 'BLOCKED_WORDS' });
    succeed(await sendChatMessage(loud, live.streamId, 'a pear!'));
    await rules.getByLabel(en['studio.slowMode']).selectOption('60');
    await expect.poll(() => sendChatMessage(loud, live.streamId, 'and another!')).toMatchObject({ code: 'SLOW_MODE' });

    const room = await open({ handle: helper.handle, path: roomPath(live.streamId) });
    const said = feed(room).locator('.row-chat').filter({ hasText: 'a pear!' });
    await said.getByRole('button', { name: /^Mute/ }).click();
    await room.getByText(/is muted until/).waitFor();
    expect(await sendChatMessage(loud, live.streamId, 'I!')).toMatchObject({ code: 'MUTED' });
    const own = feed(room).locator('.row-chat').filter({ hasText: 'may I help?' });
    expect(await own.getByRole('button').count(), 'nobody mutes themselves').toBe(0);

    await rules.getByRole('button', { name: 'grapefruit' }).click();
    await rules.getByRole('listitem').filter({ hasText: 'grapefruit' }).waitFor({ state: 'detached' });
    await rules.getByRole('button', { name: en['studio.dismiss'] }).click();
    await rules.getByText(en['studio.moderatorsNone']).waitFor();
  });
});

describe('the wallet and the orders', () => {
  test('coins are bought, explained and capped', async ({ server, open }) => {
    const viewer = await funded(server);
    const page = await open({ handle: viewer.handle, path: '/wallet' });
    await page.getByRole('button', { name: /^70 / }).click();
    await page.getByText('70 coins are yours.').waitFor();
    await page.locator('.balance-coins').getByText('3,570').waitFor();
    const day = page.locator('[data-cap=DAY]');
    await day.getByRole('spinbutton').fill('500');
    await day.getByRole('button', { name: en['wallet.capSet'] }).click();
    await day.getByText('Each day: 500 coins').waitFor();
    await day.getByRole('spinbutton').fill('900');
    await day.getByRole('button', { name: en['wallet.capSet'] }).click();
    await day.getByText(/900 coins.? from/).waitFor();
    await day.getByText('Each day: 500 coins').waitFor();
  });

  test('an order moves before the eyes of whoever has bought', async ({ server, open }) => {
    const buyer = await signIn(server);
    const order = await buyFromSouq(buyer);
    const page = await open({ handle: buyer.handle, path: '/orders' });
    await page.getByText(order.number).click();
    const state = page.locator('.order');
    await expect.poll(() => state.getAttribute('data-state')).toBe('PAID');
    const souq = await signIn(server, 'souq');
    const [shipment] = order.shipments;
    succeed(await mutate(souq.api, 'prepareShipment', { shipmentId: shipment!.id }));
    await expect.poll(() => state.getAttribute('data-state')).toBe('PREPARING');
    succeed(
      await mutate(souq.api, 'shipShipment', { shipmentId: shipment!.id, carrier: 'Swift', trackingNumber: 'SW-1' }),
    );
    await page.getByText(/Swift.? .?SW-1/).waitFor();
    await expect.poll(() => state.getAttribute('data-state')).toBe('SHIPPED');
  });

  test('an order is cancelled from its page', async ({ server, open }) => {
    const buyer = await signIn(server);
    const order = await buyFromSouq(buyer);
    const page = await open({ handle: buyer.handle, path: `/orders/${encodeURIComponent(order.id)}` });
    await page.getByRole('button', { name: en['orders.cancel'] }).click();
    await page.getByRole('dialog').getByRole('button', { name: en['orders.cancel'] }).click();
    await expect.poll(() => page.locator('.order').getAttribute('data-state')).toBe('CANCELLED');
  });
});

type Bought = { id: string; number: string; shipments: { id: string }[] };

async function buyFromSouq(buyer: Actor): Promise<Bought> {
  const PRODUCTS =
    '{ products(first: 1, filter: { search: "lantern brass", inStock: true }) { edges { node { variants { id price { minorUnits } } } } } }';
  type Found = { products: { edges: { node: { variants: { id: string; price: { minorUnits: number } }[] } }[] } };
  const { products } = await query<Found>(buyer.api, PRODUCTS);
  const { id: variantId, price } = products.edges[0]!.node.variants[0]!;
  const home = { name: buyer.handle, line1: '1 Creek Street', city: 'Dubai', country: 'AE', idempotencyKey: 'home' };
  const { address } = succeed(await mutate<{ address: { id: string } }>(buyer.api, 'addAddress', home));
  const { order } = succeed(
    await mutate<{ order: { id: string } }>(buyer.api, 'buyNow', {
      variantId,
      quantity: 1,
      expectedUnitPriceMinor: price.minorUnits,
      paymentToken: 'tok_ok',
      addressId: address.id,
      idempotencyKey: freshHandle('key'),
    }),
  );
  const ORDER = 'query Order($id: ID!) { node(id: $id) { ... on Order { id number shipments { id } } } }';
  return (await query<{ node: Bought }>(buyer.api, ORDER, { id: order.id })).node;
}

describe('Arabic', () => {
  /** English texts without a value in them, and long enough to be told from a name. */
  const ENGLISH = new Set<string>(
    Object.entries(en).flatMap(([key, text]) =>
      key !== 'app.language' && typeof text === 'string' && !text.includes('{') && text.length > 3 ? [text] : [],
    ),
  );

  test('is right to left everywhere, with no English left', async ({ server, live, open }) => {
    const viewer = await funded(server);
    succeed(await sendGift(viewer, live.streamId));
    await buyFromSouq(viewer);
    const page = await open({ handle: live.creator.handle, language: 'ar', phone: true });
    for (const path of ['/', roomPath(live.streamId), '/studio', '/wallet', '/orders']) {
      await page.goto(new URL(path, page.url()).href);
      await page.locator('main .spinner').first().waitFor({ state: 'detached' });
      await expect.poll(() => page.evaluate(() => document.documentElement.dir), { message: path }).toBe('rtl');
      // biome-ignore lint/performance/useDomNodeTextContent: what is hidden is nobody's text.
      const lines = (await page.locator('body').innerText()).split('\n').map((line) => line.trim());
      expect(
        lines.filter((line) => ENGLISH.has(line)),
        path,
      ).toEqual([]);
      expect(
        lines.filter((line) => line in en),
        `keys instead of texts at ${path}`,
      ).toEqual([]);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(wide, `nothing is wider than a phone at ${path}`).toBeLessThanOrEqual(0);
    }
  });
});
