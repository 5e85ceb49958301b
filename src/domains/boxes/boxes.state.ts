/** The states of a treasure box. */
export type BoxState = 'FUNDED' | 'OPEN' | 'CLOSED';

/**
 * Which state may follow which. A box is closed unopened when its stream ends, or when no server was there while it could be
 * claimed. The trigger treasure_box_moves refuses everything else, whoever writes.
 */
export const BOX_TRANSITIONS: Readonly<Record<BoxState, readonly BoxState[]>> = {
  FUNDED: ['OPEN', 'CLOSED'],
  OPEN: ['CLOSED'],
  CLOSED: [],
};

/** Why a box was closed. */
export type BoxEnd = 'EMPTY' | 'EXPIRED' | 'STREAM_ENDED';
