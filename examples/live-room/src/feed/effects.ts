import type { EventOf, FeedEvent, GiftKind, Person } from './types.ts';

/** Banners of gifts at once, and celebrations that wait. */
export const BANNERS_MAX = 3;
export const CELEBRATIONS_MAX = 4;
/** Coins from which on a gift is celebrated in the whole room. */
export const BIG_GIFT_COINS = 500;

/** A gift that slides in; a streak is one banner that counts up. */
export type Banner = { key: string; seq: number; sender: Person; gift: GiftKind; count: number };
/** What fills the stage for a moment. */
export type Celebration = { seq: number; event: FeedEvent };
/** What moves. */
export type Effects = {
  banners: readonly Banner[];
  celebrations: readonly Celebration[];
  performing: EventOf<'ReactionPerformed'> | undefined;
};

export const NO_EFFECTS: Effects = { banners: [], celebrations: [], performing: undefined };

/** What moves after an event that has just happened. What is too much at once is not shown: the feed has it all. */
export function addEffects(effects: Effects, event: FeedEvent): Effects {
  switch (event.__typename) {
    case 'GiftSent': {
      const banner = bannerOf(event);
      const others = effects.banners.filter(({ key }) => key !== banner.key);
      const known = others.length < effects.banners.length;
      const banners = known
        ? effects.banners.map((each) => (each.key === banner.key ? banner : each))
        : [...others, banner].slice(-BANNERS_MAX);
      const celebrations = event.coins >= BIG_GIFT_COINS ? celebrate(effects, event) : effects.celebrations;
      return { ...effects, banners, celebrations };
    }
    case 'ReactionPerformed':
      return { ...effects, performing: event };
    case 'GoalReached':
    case 'LevelStarted':
    case 'LevelRaised':
    case 'BattleStarted':
    case 'BattleEnded':
    case 'BoxOpened':
      return { ...effects, celebrations: celebrate(effects, event) };
    default:
      return effects;
  }
}

/** Without what has been shown for long enough. A banner that has counted on meanwhile stays. */
export function removeEffect(effects: Effects, seq: number): Effects {
  return {
    banners: effects.banners.filter((banner) => banner.seq !== seq),
    celebrations: effects.celebrations.filter((celebration) => celebration.seq !== seq),
    performing: effects.performing?.seq === seq ? undefined : effects.performing,
  };
}

function bannerOf({ seq, sender, gift, streak }: EventOf<'GiftSent'>): Banner {
  return { key: `${sender.id} ${gift.id}`, seq, sender, gift, count: streak };
}

function celebrate({ celebrations }: Effects, event: FeedEvent): readonly Celebration[] {
  return celebrations.length < CELEBRATIONS_MAX ? [...celebrations, { seq: event.seq, event }] : celebrations;
}
