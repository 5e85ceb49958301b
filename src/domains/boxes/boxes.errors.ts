import { DomainError } from '../../kernel/errors.ts';
import type { BoxState } from './boxes.state.ts';

/** Thrown when a box is claimed before it opens, or after it was closed with shares left. Nothing is written. */
export class BoxStateError extends DomainError {
  readonly code = 'BOX_STATE';
  /**
   * @param state where the box stands; FUNDED is: wait until it opens
   * @param opensAt when it opens, or opened
   */
  constructor(
    readonly state: BoxState,
    readonly opensAt: Date,
  ) {
    super(state === 'FUNDED' ? 'The box does not open before its time.' : 'The box is closed.');
  }
}

/** Thrown when others had all shares of a box. Nothing is written. */
export class BoxEmptyError extends DomainError {
  readonly code = 'BOX_EMPTY';
  constructor() {
    super('The box is empty: others were quicker.');
  }
}
