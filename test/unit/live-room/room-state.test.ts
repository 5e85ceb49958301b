/** A room follows from its events: each counts once, what belongs together is one row, and nothing grows without end. */
import { describe, expect, test } from 'vitest';
import { BANNERS_MAX, CELEBRATIONS_MAX } from '../../../examples/live-room/src/feed/effects.ts';
import { type RoomAction, type RoomState, reduceRoom } from '../../../examples/live-room/src/feed/room-state.ts';
import { ROWS_MAX } from '../../../examples/live-room/src/feed/rows.ts';
import { SPOKEN_ROWS_MAX, spoken } from '../../../examples/live-room/src/feed/spoken.ts';
import type { FeedEvent, RoomSnapshot } from '../../../examples/live-room/src/feed/types.ts';
import { createTranslator } from '../../../examples/live-room/src/i18n/translate.ts';

const person = (name: string) => ({ id: name, handle: name, displayName: name });
const ROSE = { id: 'rose', name: 'Rose', coins: 1 };
const SIDES = [
  { streamId: 's', score: 5, creator: person('nour') },
  { streamId: 'o', score: 7, creator: person('rami') },
];
const ROOM = {
  id: 's',
  title: 'Live',
  status: 'LIVE',
  creator: { ...person('nour'), isFollowed: false, moderators: [], reactionRules: [] },
  slowModeSeconds: 0,
  pinnedProduct: null,
  offers: [],
  goals: [],
  level: null,
  battle: null,
  boxes: [],
  reactionQueue: [],
  topGifters: [],
} satisfies RoomSnapshot;

/** The state after entering an empty room, and then these actions. */
function after(...actions: RoomAction[]): RoomState {
  const entered: RoomAction = { type: 'entered', room: ROOM, history: [] };
  return [entered, ...actions].reduce(reduceRoom, undefined as RoomState | undefined)!;
}

/** The same, of events that are numbered from 1. */
function afterEvents(...events: Record<string, unknown>[]): RoomState {
  return after(...events.map((event, index) => happened(index + 1, event)));
}

function happened(seq: number, event: Record<string, unknown>): RoomAction {
  return { type: 'happened', event: { seq, occurredAt: '2026-01-01T00:00:00Z', ...event } as FeedEvent };
}

const chat = (text: string) => ({ __typename: 'ChatMessage', sender: person('omar'), text });
const gift = (name: string, streak: number, quantity = 1, coins = quantity) => ({
  __typename: 'GiftSent',
  sender: person(name),
  gift: ROSE,
  quantity,
  coins,
  streak,
});

describe('numbers', () => {
  test('an event that is known already changes nothing', () => {
    const once = after(happened(1, chat('a')), happened(2, chat('b')));
    const state = reduceRoom(reduceRoom(once, happened(2, chat('b'))), happened(1, chat('a')));
    expect(state).toBe(once);
  });

  test('events of the history are not told again', () => {
    const history = [happened(7, chat('before'))].map((action) => (action as { event: FeedEvent }).event);
    const state = [happened(7, chat('before')), happened(8, chat('now'))].reduce(
      reduceRoom,
      reduceRoom(undefined, { type: 'entered', room: ROOM, history }),
    )!;
    expect(state.rows.map(({ event }) => event.seq)).toEqual([7, 8]);
    expect(state.lastSeq).toBe(8);
  });

  test('nothing happens before the room is entered', () => {
    expect(reduceRoom(undefined, happened(1, chat('a')))).toBeUndefined();
  });
});

describe('rows', () => {
  test('a streak is one row and one banner that count up; its end leaves the count', () => {
    const state = afterEvents(gift('omar', 1), chat('wow'), gift('omar', 2), gift('sara', 1), gift('omar', 5, 3), {
      ...gift('omar', 0),
      __typename: 'StreakEnded',
      total: 5,
    });
    expect(state.rows.map(({ key }) => key)).toEqual([1, 2, 4]);
    expect(state.rows[0]).toMatchObject({ event: { streak: 5 }, streakEnded: 5 });
    expect(state.effects.banners.map(({ sender, count }) => [sender.id, count])).toEqual([
      ['omar', 5],
      ['sara', 1],
    ]);
  });

  test('the next streak is another row', () => {
    const ended = { ...gift('omar', 0), __typename: 'StreakEnded', total: 1 };
    expect(afterEvents(gift('omar', 1), ended, gift('omar', 1), gift('omar', 2)).rows).toHaveLength(2);
  });

  test('a gift that is taken back is marked, and said', () => {
    const state = afterEvents(gift('omar', 1), { ...gift('omar', 0), __typename: 'GiftReversed', giftSeq: 1 });
    expect(state.rows.map(({ reversed }) => reversed ?? false)).toEqual([true, false]);
  });

  test('a queued reaction makes room for its performance', () => {
    const reaction = { reactionId: 'r', reaction: 'Yes!', animation: null, sender: person('omar') };
    const queued = afterEvents({ __typename: 'ReactionQueued', position: 1, etaMs: 0, ...reaction });
    expect(queued.stage.queue).toHaveLength(1);
    const state = reduceRoom(queued, happened(2, { __typename: 'ReactionPerformed', durationMs: 3000, ...reaction }))!;
    expect(state.rows.map(({ event }) => event.__typename)).toEqual(['ReactionPerformed']);
    expect(state.stage.queue).toEqual([]);
    expect(state.effects.performing).toMatchObject({ reaction: 'Yes!' });
    expect(reduceRoom(state, { type: 'shown', seq: 2 })!.effects.performing).toBeUndefined();
  });

  test('rows, banners and celebrations are bounded', () => {
    const many = Array.from({ length: ROWS_MAX + 50 }, (_, index) => gift(`viewer${index}`, 1, 1, 5_000));
    const { rows, effects } = afterEvents(...many);
    expect(rows).toHaveLength(ROWS_MAX);
    expect(rows.at(-1)!.event.seq).toBe(ROWS_MAX + 50);
    expect(effects.banners).toHaveLength(BANNERS_MAX);
    expect(effects.celebrations).toHaveLength(CELEBRATIONS_MAX);
  });
});

describe('the stage', () => {
  test('goals: the newest word counts', () => {
    const goal = { id: 'g', kind: 'COINS', title: 'Dance', progress: 0, target: 10, state: 'OPEN', gift: null };
    const reached = { ...goal, progress: 12, state: 'REACHED' };
    const { stage } = afterEvents({ __typename: 'GoalStarted', goal }, { __typename: 'GoalReached', goal: reached });
    expect(stage.goals).toEqual([reached]);
  });

  test('a battle runs, is multiplied, and ends', () => {
    const battle = { battleId: 'b', sides: SIDES };
    const endsAt = '2026-01-01T00:05:00Z';
    const running = afterEvents(
      { __typename: 'BattleStarted', ...battle, endsAt },
      { __typename: 'BattleMultiplied', ...battle, factor: 3, endsAt },
      { __typename: 'BattleScored', ...battle, factor: 3 },
    );
    expect(running.stage.battle).toMatchObject({ state: 'RUNNING', factor: 3, endsAt });
    expect(running.rows).toHaveLength(2); // scores move a bar, and are no news
    const ended = reduceRoom(
      running,
      happened(4, { __typename: 'BattleEnded', ...battle, outcome: 'DRAW', winner: null }),
    )!;
    expect(ended.stage.battle).toMatchObject({ state: 'ENDED', outcome: 'DRAW' });
  });

  test('an offer sells out, stays to be seen, and goes when the next begins', () => {
    const offer = (id: string) => ({
      id,
      remaining: 3,
      unitPrice: { amount: '1.00', currency: 'USD', minorUnits: 100 },
      product: { id: 'p', title: 'Lamp' },
    });
    const sold = afterEvents(
      { __typename: 'OfferStarted', offer: offer('one') },
      { __typename: 'OfferStockChanged', offerId: 'one', remaining: 0 },
      { __typename: 'OfferStockChanged', offerId: 'other', remaining: 9 },
      { __typename: 'OfferEnded', offerId: 'one', offerEndReason: 'SOLD_OUT' },
    );
    expect(sold.stage.offers).toMatchObject([{ id: 'one', remaining: 0, endReason: 'SOLD_OUT' }]);
    const next = reduceRoom(sold, happened(5, { __typename: 'OfferStarted', offer: offer('two') }))!;
    expect(next.stage.offers).toMatchObject([{ id: 'two' }]);
  });

  test('a treasure box opens, empties and goes', () => {
    const box = { id: 'b', state: 'FUNDED', remaining: 2, funder: person('omar'), coins: 10 };
    const open = afterEvents(
      { __typename: 'BoxFunded', box },
      { __typename: 'BoxOpened', boxId: 'b' },
      { __typename: 'BoxClaimed', boxId: 'b', remaining: 1, shareCoins: 5, viewers: [person('sara')] },
    );
    expect(open.stage.boxes).toMatchObject([{ state: 'OPEN', remaining: 1, myShare: null }]);
    expect(reduceRoom(open, happened(4, { __typename: 'BoxClosed', boxId: 'b' }))!.stage.boxes).toEqual([]);
  });

  test('what was pinned goes only with its own end', () => {
    const pin = (id: string) => ({ __typename: 'ProductPinned', product: { id, title: id } });
    const { stage } = afterEvents(pin('one'), pin('two'), { __typename: 'ProductUnpinned', productId: 'one' });
    expect(stage.pinned).toMatchObject({ id: 'two' });
  });

  test('after pruned history the stage is what was reloaded, and the feed goes on', () => {
    const state = after(happened(1, chat('a')), { type: 'reloaded', room: { ...ROOM, title: 'Reloaded' } });
    expect(state).toMatchObject({ lastSeq: 1, stage: { title: 'Reloaded' } });
    expect(state.rows).toHaveLength(1);
  });
});

describe('what a screen reader says', () => {
  const english = createTranslator('en');

  test('is what is new, each row once and as it stands', () => {
    const { rows } = afterEvents(chat('hello'), gift('layla', 1), gift('layla', 2), { __typename: 'StreamEnded' });
    expect(spoken(rows, 0, english)).toBe(
      'omar: hello · layla sent \u2068Rose\u2069 ×2 · The stream is over. Thank you for watching!',
    );
    expect(spoken(rows, 2, english)).toMatch(/^layla sent \u2068Rose\u2069 ×2 · The stream/);
    expect(spoken(rows, 4, english)).toBe('');
  });

  test('is little, however much there is', () => {
    const { rows } = afterEvents(...Array.from({ length: 50 }, (_, n) => chat(`m${n}`)));
    expect(spoken(rows, 0, english).split(' · ')).toEqual(['omar: m47', 'omar: m48', 'omar: m49']);
    expect(SPOKEN_ROWS_MAX).toBe(3);
  });
});
