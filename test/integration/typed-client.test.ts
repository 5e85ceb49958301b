/** The main job with the demo's own data and generated types, as a front-end team would write it: no helper of ours in between. */
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import { createClient } from 'graphql-ws';
import { describe, expect } from 'vitest';
import { WebSocket } from 'ws';
import {
  BuyCoinsDocument,
  BuyNowDocument,
  CancelOrderDocument,
  MyAddressesDocument,
  OrderUpdatesDocument,
  type OrderUpdatesSubscription,
  SendGiftDocument,
  ShelfDocument,
  type ShelfQuery,
  ShopDocument,
  SignInDocument,
  WatchDocument,
  type WatchSubscription,
} from '../generated/graphql.ts';
import { test } from '../support/fixtures.ts';

async function send<Result, Variables>(
  url: string,
  document: TypedDocumentNode<Result, Variables>,
  variables: Variables,
  token?: string,
): Promise<Result> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query: print(document), variables }),
  });
  const { data, errors } = (await response.json()) as { data: Result; errors?: unknown };
  expect(errors).toBeUndefined();
  return data;
}

test('sign in, buy coins and send a gift while another client watches', async ({ server }) => {
  const { signIn } = await send(server.url, SignInDocument, { input: { handle: 'layla' } });
  if (signIn.__typename !== 'SignInSuccess') throw new Error(signIn.message);
  const { token, viewer } = signIn;
  const { creator, gifts, coinPacks } = await send(server.url, ShelfDocument, { creator: 'pinkydoll' });
  const streamId = creator!.currentStream!.id;
  const [pack] = coinPacks;
  const rose = gifts.find(({ name }) => name === 'Rose')!;

  const client = createClient({ url: server.url.replace('http', 'ws'), webSocketImpl: WebSocket });
  const feed = client.iterate<WatchSubscription>({
    query: print(WatchDocument),
    variables: { streamId, after: '' },
  });
  expect((await feed.next()).value?.data?.liveEvents.node).toMatchObject({ __typename: 'StreamStarted', seq: 1 });

  const { buyCoins } = await send(
    server.url,
    BuyCoinsDocument,
    { input: { packId: pack!.id, paymentToken: 'tok_ok', idempotencyKey: 'typed-coins' } },
    token,
  );
  expect(buyCoins).toMatchObject({ replayed: false, wallet: { coins: viewer.wallet.coins + pack!.coins } });

  const gift = { input: { streamId, giftId: rose.id, quantity: 3, idempotencyKey: 'typed-gift' } };
  const { sendGift } = await send(server.url, SendGiftDocument, gift, token);
  expect(sendGift).toMatchObject({ replayed: false, giftSent: { seq: 2, streak: 3, coins: 3 } });
  const { sendGift: again } = await send(server.url, SendGiftDocument, gift, token);
  expect(again).toMatchObject({ replayed: true, giftSent: { seq: 2 } });

  const { value } = await feed.next();
  expect(value?.data?.liveEvents.node).toMatchObject({
    __typename: 'GiftSent',
    seq: 2,
    sender: { id: viewer.id, handle: 'layla' },
    gift: { name: 'Rose' },
    quantity: 3,
  });
  await feed.return?.();
  await client.dispose();
});

test('buy a product of the demo, follow the order and cancel it', async ({ server }) => {
  const { signIn } = await send(server.url, SignInDocument, { input: { handle: 'layla' } });
  if (signIn.__typename !== 'SignInSuccess') throw new Error(signIn.message);
  const { token } = signIn;
  const { creator } = await send(server.url, ShopDocument, { creator: 'souq' });
  const { me } = await send(server.url, MyAddressesDocument, {}, token);
  const [product] = creator!.products.edges;
  const variant = product!.node.variants.find(({ available }) => available > 0)!;

  const input = {
    variantId: variant.id,
    quantity: 1,
    expectedUnitPriceMinor: variant.price.minorUnits,
    addressId: me!.addresses[0]!.id,
    paymentToken: 'tok_ok',
    showBuyer: false,
    idempotencyKey: 'typed-order',
  };
  const { buyNow } = await send(server.url, BuyNowDocument, { input }, token);
  if (buyNow.__typename !== 'BuyNowSuccess') throw new Error(buyNow.message);
  expect(buyNow).toMatchObject({ replayed: false, order: { state: 'PAID' } });
  const { buyNow: again } = await send(server.url, BuyNowDocument, { input }, token);
  expect(again).toMatchObject({ replayed: true, order: { number: buyNow.order.number } });

  const client = createClient({
    url: server.url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
  });
  const orderId = buyNow.order.id;
  const updates = client.iterate<OrderUpdatesSubscription>({
    query: print(OrderUpdatesDocument),
    variables: { orderId },
  });
  expect((await updates.next()).value?.data?.orderUpdates.state).toBe('PAID');
  const { cancelOrder } = await send(server.url, CancelOrderDocument, { input: { orderId } }, token);
  expect(cancelOrder).toMatchObject({ order: { state: 'CANCELLED' } });
  expect((await updates.next()).value?.data?.orderUpdates.state).toBe('CANCELLED');
  await updates.return?.();
  await client.dispose();
});

describe('with persisted documents only', () => {
  const persistedDocuments = [new URL('../generated/persisted-documents.json', import.meta.url).pathname];
  test.override('serverOptions', { config: { persistedDocuments, persistedOnly: true } });

  /** The identifier that `npm run generate:documents` puts into each document. */
  const idOf = (document: object) => (document as { __meta__: { hash: string } }).__meta__.hash;

  test('the hash alone is enough, over HTTP and over WebSocket', async ({ server }) => {
    const body = JSON.stringify({ documentId: idOf(ShelfDocument), variables: { creator: 'pinkydoll' } });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(server.url, { method: 'POST', headers, body });
    const { data } = (await response.json()) as { data: ShelfQuery };
    const client = createClient({ url: server.url.replace('http', 'ws'), webSocketImpl: WebSocket });
    const sha256Hash = idOf(WatchDocument).replace('sha256:', '');
    const feed = client.iterate<WatchSubscription>({
      query: '',
      extensions: { persistedQuery: { version: 1, sha256Hash } },
      variables: { streamId: data.creator!.currentStream!.id, after: '' },
    });
    expect((await feed.next()).value?.data?.liveEvents.node).toMatchObject({ __typename: 'StreamStarted', seq: 1 });
    await feed.return?.();
    await client.dispose();
  });
});
