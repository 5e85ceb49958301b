import type { Translator } from '../i18n/translate.ts';
import { giftName } from './gift-name.ts';
import type { FeedEvent } from './types.ts';

/** Claims of a box that are named one by one. */
const CLAIMERS_NAMED_MAX = 2;

/** An event as a sentence. Complete: a new type of event fails to compile until it has one. */
export function newsOf(event: FeedEvent, translator: Translator): string {
  const { t } = translator;
  switch (event.__typename) {
    case 'StreamStarted':
      return t('feed.streamStarted', { title: event.title });
    case 'StreamEnded':
      return t('feed.streamEnded');
    case 'ResyncRequired':
      return t('feed.resync');
    case 'ChatMessage':
      return event.text;
    case 'StreakEnded':
      return t('feed.streakEnded', {
        name: event.sender.displayName,
        gift: giftName(t, event.gift.name),
        count: event.total,
      });
    case 'GiftSent':
      return t('feed.giftSent', { gift: giftName(t, event.gift.name) });
    case 'GiftReversed':
      return t('feed.giftReversed', { name: event.sender.displayName, gift: giftName(t, event.gift.name) });
    case 'ReactionQueued':
      return t('feed.reactionQueued', {
        name: event.sender.displayName,
        phrase: event.reaction,
        count: event.position,
      });
    case 'ReactionPerformed':
      return t('feed.reactionPerformed', { name: event.sender.displayName, phrase: event.reaction });
    case 'ReactionSkipped':
      return t('feed.reactionSkipped', { name: event.sender.displayName, phrase: event.reaction, count: event.coins });
    case 'GoalStarted':
      return t('feed.goalStarted', { title: event.goal.title });
    case 'GoalReached':
      return t('feed.goalReached', { title: event.goal.title });
    case 'GoalEnded':
      return t('feed.goalEnded', { title: event.goal.title });
    case 'LevelStarted':
    case 'LevelRaised':
      return t('feed.level', { level: event.level });
    case 'LevelEnded':
      return t('feed.levelEnded', { level: event.level, count: event.contributors });
    default:
      return newsOfPlay(event, translator);
  }
}

type PlayEvent = Extract<
  FeedEvent,
  { __typename: `Battle${string}` | `Box${string}` | `Product${string}` | `Offer${string}` }
>;

function newsOfPlay(event: PlayEvent, { t, money }: Translator): string {
  switch (event.__typename) {
    case 'BattleStarted':
    case 'BattleScored':
      return t('feed.battleStarted', sidesOf(event.sides));
    case 'BattleMultiplied':
      return t('feed.battleMultiplied', { factor: event.factor });
    case 'BattleExtended':
      return t('feed.battleExtended');
    case 'BattleEnded':
      return event.winner
        ? t('feed.battleWon', { name: event.winner.creator.displayName })
        : t('feed.battleDraw', sidesOf(event.sides));
    case 'BoxFunded':
      return t('feed.boxFunded', { name: event.box.funder.displayName, count: event.box.coins });
    case 'BoxOpened':
      return t('feed.boxOpened');
    case 'BoxClaimed': {
      const names = event.viewers.slice(0, CLAIMERS_NAMED_MAX).map(({ displayName }) => displayName);
      const others = event.viewers.length - names.length;
      const values = { names: names.join(' · '), coins: event.shareCoins };
      return others > 0 ? t('feed.boxClaimedMany', { ...values, count: others }) : t('feed.boxClaimed', values);
    }
    case 'BoxClosed':
      return t('feed.boxClosed');
    case 'ProductPinned':
      return t('feed.productPinned', { title: event.product.title });
    case 'ProductUnpinned':
      return t('feed.productUnpinned');
    case 'OfferStarted':
      return t('feed.offerStarted', { title: event.offer.product.title, price: money(event.offer.unitPrice) });
    case 'OfferStockChanged':
      return t('feed.offerStock', { count: event.remaining });
    case 'OfferEnded':
      return t(event.offerEndReason === 'SOLD_OUT' ? 'feed.offerSoldOut' : 'feed.offerEnded');
    case 'ProductPurchased':
      return event.buyer
        ? t('feed.purchasedBy', { name: event.buyer.displayName, title: event.product.title, count: event.quantity })
        : t('feed.purchased', { title: event.product.title, count: event.quantity });
  }
}

function sidesOf(sides: readonly { creator: { displayName: string } }[]): { one: string; other: string } {
  return { one: sides[0]?.creator.displayName ?? '', other: sides[1]?.creator.displayName ?? '' };
}
