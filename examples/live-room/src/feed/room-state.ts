import { addEffects, type Effects, NO_EFFECTS, removeEffect } from './effects.ts';
import { addRow, type Row } from './rows.ts';
import { applyToStage, type Stage, stageOf } from './stage.ts';
import type { FeedEvent, RoomSnapshot } from './types.ts';

/** Everything that a room shows, as far as it comes from the server. */
export type RoomState = {
  /** The number of the last event that is in it. */
  lastSeq: number;
  rows: readonly Row[];
  effects: Effects;
  stage: Stage;
};

/** What changes a room. */
export type RoomAction =
  | { type: 'entered'; room: RoomSnapshot; history: readonly FeedEvent[] }
  | { type: 'reloaded'; room: RoomSnapshot }
  | { type: 'boards'; boards: Pick<RoomSnapshot, 'goals' | 'level' | 'topGifters'> }
  | { type: 'happened'; event: FeedEvent }
  | { type: 'shown'; seq: number };

/**
 * A room after an action. Pure. An event that is in it already, as its number says, changes nothing.
 * @param state undefined before it was entered
 */
export function reduceRoom(state: RoomState | undefined, action: RoomAction): RoomState | undefined {
  if (action.type === 'entered') {
    const { room, history } = action;
    return {
      lastSeq: history.at(-1)?.seq ?? 0,
      rows: history.reduce(addRow, [] as readonly Row[]),
      effects: NO_EFFECTS,
      stage: stageOf(room),
    };
  }
  if (!state) return undefined;
  switch (action.type) {
    case 'reloaded':
      return { ...state, stage: stageOf(action.room) };
    case 'boards':
      return { ...state, stage: { ...state.stage, ...action.boards } };
    case 'shown':
      return { ...state, effects: removeEffect(state.effects, action.seq) };
    case 'happened':
      return happen(state, action.event);
  }
}

function happen(state: RoomState, event: FeedEvent): RoomState {
  if (event.seq <= state.lastSeq) return state;
  return {
    lastSeq: event.seq,
    rows: addRow(state.rows, event),
    effects: addEffects(state.effects, event),
    stage: applyToStage(state.stage, event),
  };
}
