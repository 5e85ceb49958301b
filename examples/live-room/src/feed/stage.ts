import type {
  Battle,
  Box,
  EventOf,
  FeedEvent,
  Goal,
  Level,
  Offer,
  Pinned,
  QueuedReaction,
  RoomSnapshot,
} from './types.ts';

/** What a room shows beside its feed. */
export type Stage = Pick<RoomSnapshot, 'title' | 'status' | 'topGifters'> & {
  goals: readonly Goal[];
  level: Level | null;
  battle: Battle | null;
  boxes: readonly Box[];
  queue: readonly QueuedReaction[];
  offers: readonly Offer[];
  pinned: Pinned | null;
};

/** The stage of a room that was just asked for. */
export function stageOf(room: RoomSnapshot): Stage {
  return {
    title: room.title,
    status: room.status,
    goals: room.goals,
    level: room.level,
    battle: room.battle?.state === 'RUNNING' ? room.battle : null,
    boxes: room.boxes,
    queue: room.reactionQueue,
    offers: room.offers,
    pinned: room.pinnedProduct,
    topGifters: room.topGifters,
  };
}

/** The stage after an event. Events say how things are, not by how much they changed: one that comes late does no harm. */
export function applyToStage(stage: Stage, event: FeedEvent): Stage {
  switch (event.__typename) {
    case 'StreamEnded':
      return { ...stage, status: 'ENDED', boxes: [], queue: [], battle: null };
    case 'ReactionQueued': {
      const { reactionId: id, reaction: phrase, animation, sender } = event;
      return { ...stage, queue: [...stage.queue.filter((each) => each.id !== id), { id, phrase, animation, sender }] };
    }
    case 'ReactionPerformed':
    case 'ReactionSkipped':
      return { ...stage, queue: stage.queue.filter(({ id }) => id !== event.reactionId) };
    case 'GoalStarted':
    case 'GoalReached':
    case 'GoalEnded':
      return { ...stage, goals: [event.goal, ...stage.goals.filter(({ id }) => id !== event.goal.id)] };
    case 'LevelStarted':
    case 'LevelRaised': {
      const { level, progress, target, coins, expiresAt } = event;
      return { ...stage, level: { level, progress, target, coins, expiresAt } };
    }
    case 'LevelEnded':
      return { ...stage, level: null };
    default:
      return applyToShop(applyToBoxes(applyToBattle(stage, event), event), event);
  }
}

function applyToBattle(stage: Stage, event: FeedEvent): Stage {
  switch (event.__typename) {
    case 'BattleStarted':
      return { ...stage, battle: { ...newBattle(event), endsAt: event.endsAt } };
    case 'BattleScored':
    case 'BattleMultiplied':
    case 'BattleExtended': {
      const endsAt = event.__typename === 'BattleScored' ? (stage.battle?.endsAt ?? null) : event.endsAt;
      return { ...stage, battle: { ...newBattle(event), factor: event.factor, endsAt } };
    }
    case 'BattleEnded':
      return {
        ...stage,
        battle: { ...newBattle(event), state: 'ENDED', outcome: event.outcome, winner: event.winner },
      };
    default:
      return stage;
  }
}

function newBattle({ battleId, sides }: Pick<EventOf<'BattleScored'>, 'battleId' | 'sides'>): Battle {
  return { id: battleId, state: 'RUNNING', endsAt: null, factor: 1, outcome: null, sides, winner: null };
}

function applyToBoxes(stage: Stage, event: FeedEvent): Stage {
  const change = (boxId: string, fields: Partial<Box>) => ({
    ...stage,
    boxes: stage.boxes.map((box) => (box.id === boxId ? { ...box, ...fields } : box)),
  });
  switch (event.__typename) {
    case 'BoxFunded':
      return {
        ...stage,
        boxes: [...stage.boxes.filter(({ id }) => id !== event.box.id), { ...event.box, myShare: null }],
      };
    case 'BoxOpened':
      return change(event.boxId, { state: 'OPEN' });
    case 'BoxClaimed':
      return change(event.boxId, { remaining: event.remaining });
    case 'BoxClosed':
      return { ...stage, boxes: stage.boxes.filter(({ id }) => id !== event.boxId) };
    default:
      return stage;
  }
}

function applyToShop(stage: Stage, event: FeedEvent): Stage {
  const change = (offerId: string, fields: Partial<Offer>) => ({
    ...stage,
    offers: stage.offers.map((offer) => (offer.id === offerId ? { ...offer, ...fields } : offer)),
  });
  switch (event.__typename) {
    case 'ProductPinned':
      return stage.pinned?.id === event.product.id ? stage : { ...stage, pinned: event.product };
    case 'ProductUnpinned':
      return stage.pinned?.id === event.productId ? { ...stage, pinned: null } : stage;
    case 'OfferStarted':
      // One that has ended is shown as such until the next begins.
      return {
        ...stage,
        offers: [...stage.offers.filter(({ id, endReason }) => id !== event.offer.id && !endReason), event.offer],
      };
    case 'OfferStockChanged':
      return change(event.offerId, { remaining: event.remaining });
    case 'OfferEnded':
      return change(event.offerId, { endReason: event.offerEndReason });
    default:
      return stage;
  }
}
