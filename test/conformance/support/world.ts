/** A world in which everything exists once, and somebody in every role: for probes that are generated from the schema. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { invite } from '../../integration/support/battles.ts';
import { fundBox } from '../../integration/support/boxes.ts';
import { purchase } from '../../integration/support/disputes.ts';
import { startGoal } from '../../integration/support/goals.ts';
import { globalId } from '../../integration/support/ids.ts';
import { creatorIdOf } from '../../integration/support/moderation.ts';
import { bucketsOf, earnSettled, grantCoins, requestPayout } from '../../integration/support/payouts.ts';
import { addRule, earn } from '../../integration/support/reactions.ts';
import { startOffer } from '../../integration/support/shop.ts';
import type { HttpClient } from '../../support/client.ts';
import {
  type Actor,
  freshHandle,
  giftId,
  mutate,
  query,
  signIn,
  startStream,
  succeed,
} from '../../support/operations.ts';
import { afterSale, bought, openCounter } from '../../support/orders.ts';
import type { Server } from '../../support/server.ts';
import { makeProduct, makeShop } from '../../support/shop.ts';

/** A test may take this long that has the world made, and asks everything of it for every role. */
export const WORLD_TEST_LIMIT_MS = 180_000;

/** Who asks. `owner` has bought, paid, given; `creator` owns the stream; `member` acts for the shop that sold. */
export const ROLES = [
  'anonymous',
  'other',
  'owner',
  'creator',
  'otherCreator',
  'moderator',
  'member',
  'partner',
  'operator',
] as const;

/** One of {@link ROLES}. */
export type Role = (typeof ROLES)[number];

/** Ids of what exists, by the names that inputs have for them, and some more. */
export type WorldIds = Record<string, string>;

/** A node to be asked for: its type, its name among the ids and, where not everything of the type is alike, who sees it. */
export const NODE_IDS: Record<string, { type: string; id: string; seenBy?: string }> = {
  Address: { type: 'Address', id: 'addressId' },
  'An invitation to a Battle': { type: 'Battle', id: 'battleId', seenBy: 'creator otherCreator' },
  CoinPack: { type: 'CoinPack', id: 'packId' },
  CoinPurchase: { type: 'CoinPurchase', id: 'purchaseId' },
  Creator: { type: 'Creator', id: 'creatorId' },
  EarningBucket: { type: 'EarningBucket', id: 'bucketId' },
  Gift: { type: 'Gift', id: 'giftId' },
  Goal: { type: 'Goal', id: 'goalId' },
  LiveStream: { type: 'LiveStream', id: 'streamId' },
  Merchant: { type: 'Merchant', id: 'merchantId' },
  Offer: { type: 'Offer', id: 'offerId' },
  Order: { type: 'Order', id: 'orderId' },
  Payout: { type: 'Payout', id: 'payoutId' },
  Product: { type: 'Product', id: 'productId' },
  ProductVariant: { type: 'ProductVariant', id: 'variantId' },
  Reaction: { type: 'Reaction', id: 'reactionId' },
  ReactionRule: { type: 'ReactionRule', id: 'ruleId' },
  TreasureBox: { type: 'TreasureBox', id: 'boxId' },
  Viewer: { type: 'Viewer', id: 'viewerId' },
  'A draft of a Product': { type: 'Product', id: 'draftId', seenBy: 'member' },
  'A variant of a draft': { type: 'ProductVariant', id: 'draftVariantId', seenBy: 'member' },
};

/** The world. */
export type World = {
  people: Record<Exclude<Role, 'anonymous'>, Actor>;
  ids: WorldIds;
  api: (role: Role) => HttpClient;
};

/** Makes it, through the public API. */
export async function makeWorld(server: Server, pool: Pool): Promise<World> {
  const [other, owner, creator, otherCreator, moderator] = (await Promise.all(
    ['other', 'owner', 'creator', 'rival', 'moderator'].map((name) => signIn(server, freshHandle(name))),
  )) as [Actor, Actor, Actor, Actor, Actor];
  const operator = await signIn(server, 'operator');
  const earned = await earnSettled(server, pool, creator, 400_000);
  const payout = await payOut(creator, operator);
  const partner = (await makeShop(server, { kind: 'RETAIL_PARTNER' })).member;
  const live = await goLive(pool, { owner, creator, otherCreator, moderator });
  const sold = await sell(server, { owner, operator });
  const [bucket] = await bucketsOf(pool, earned.streamId);
  const offer = await offerOf(sold.member, sold.ids);
  const { report } = succeed(
    await mutate<{ report: { id: string } }>(owner.api, 'reportContent', {
      viewerId: live.creatorViewerId,
      reason: 'SPAM',
      note: 'A note of the reporter',
    }),
  );
  const people = { other, owner, creator, otherCreator, moderator, member: sold.member, partner, operator };
  return {
    people,
    api: (role) => (role === 'anonymous' ? server.http() : people[role].api),
    ids: {
      ...live,
      ...sold.ids,
      ...offer,
      ...payout,
      bucketId: globalId('EarningBucket', bucket!.id),
      reportId: report.id,
      viewerId: owner.id,
    },
  };
}

/** A payout, and diamonds that an operator holds back. */
async function payOut(creator: Actor, operator: Actor): Promise<WorldIds> {
  const creatorId = await creatorIdOf(creator);
  succeed(await mutate(creator.api, 'submitIdentity', { accountToken: 'acct_ok' }));
  await mutate(operator.api, 'decideIdentity', { creatorId, decision: 'VERIFIED' });
  const { payout } = succeed(await requestPayout(creator, 200_000));
  const held = { creatorId, diamonds: 1_000, reason: 'A hold', idempotencyKey: randomUUID() };
  const { hold } = succeed(await mutate<{ hold: { id: string } }>(operator.api, 'holdEarnings', held));
  return { payoutId: payout.id, holdId: hold.id };
}

/** A stream with a moderator, a goal, a box, a reaction that waits, an invitation to a battle. */
async function goLive(
  pool: Pool,
  people: Record<'owner' | 'creator' | 'otherCreator' | 'moderator', Actor>,
): Promise<WorldIds> {
  const { owner, creator, otherCreator, moderator } = people;
  const { id: streamId } = await startStream(creator);
  const { id: opponentStreamId } = await startStream(otherCreator);
  const creatorId = await creatorIdOf(creator);
  succeed(await mutate(creator.api, 'addModerator', { creatorId, viewerId: moderator.id }));
  await grantCoins(pool, owner, 5_000);
  const { goal } = succeed(await startGoal(creator, streamId, { target: 100_000 }));
  const rule = await addRule(creator);
  const reactionId = await earn(owner, streamId, rule);
  const { box } = succeed(await fundBox(owner, streamId));
  const { battle } = succeed(await invite(creator, streamId, opponentStreamId));
  // An invitation lapses within seconds, and probes take longer.
  await pool.query("UPDATE battle SET invite_until = invite_until + interval '1 hour'");
  return {
    streamId,
    opponentStreamId,
    creatorId,
    creatorViewerId: creator.id,
    moderatorViewerId: moderator.id,
    goalId: goal.id,
    ruleId: rule.id,
    reactionId,
    boxId: box.id,
    battleId: battle.id,
    giftId: await giftId(owner.api, 'Rose'),
    purchaseId: await purchase(owner, 100),
  };
}

/** Orders of goods and of a service, a refund that waits and a dispute; a draft. */
async function sell(
  server: Server,
  { owner }: { owner: Actor; operator: Actor },
): Promise<{ member: Actor; ids: WorldIds }> {
  const counter = await openCounter(server, owner, { stock: 50 });
  const { shop, product, addressId } = counter;
  const member = shop.member;
  const order = await bought(counter);
  const returned = await bought(counter);
  const { refund } = succeed(await afterSale.request(owner, returned.id));
  const contested = await bought(counter);
  const shipments = 'query S($id: ID!) { node(id: $id) { ... on Order { shipments { id } vouchers { id code } } } }';
  type Read = { node: { shipments: { id: string }[]; vouchers: { id: string; code: string }[] } };
  const sent = (await query<Read>(member.api, shipments, { id: contested.id })).node.shipments[0]!;
  succeed(await mutate(member.api, 'shipShipment', { shipmentId: sent.id, carrier: 'Aramex', trackingNumber: 'A1' }));
  const { dispute } = succeed(await afterSale.dispute(owner, contested.id));
  const service = await makeProduct(shop, { kind: 'SERVICE', title: 'A massage' });
  const served = await bought(counter, { variantId: service.variantId });
  const voucher = (await query<Read>(owner.api, shipments, { id: served.id })).node.vouchers[0]!;
  const draft = await makeProduct(shop, { publish: false, stock: 0 });
  const [shipment] = (await query<Read>(member.api, shipments, { id: order.id })).node.shipments;
  const { coinPacks } = await query<{ coinPacks: { id: string }[] }>(owner.api, '{ coinPacks { id } }');
  return {
    member,
    ids: {
      orderId: order.id,
      lineId: order.lines[0]!.id,
      orderNumber: order.number,
      refundId: refund.id,
      disputeId: dispute.id,
      shipmentId: shipment!.id,
      voucherId: voucher.id,
      code: voucher.code,
      addressId,
      merchantId: shop.merchantId,
      warehouseId: shop.warehouseId,
      productId: product.productId,
      variantId: product.variantId,
      draftId: draft.productId,
      draftVariantId: draft.variantId,
      packId: coinPacks[0]!.id,
    },
  };
}

async function offerOf(member: Actor, { variantId }: WorldIds): Promise<WorldIds> {
  const { id: shopStreamId } = await startStream(member);
  const { offer } = succeed(await startOffer(member, shopStreamId, variantId!, { unitPriceMinor: 2_000, quantity: 5 }));
  return { offerId: offer.id, shopStreamId };
}
