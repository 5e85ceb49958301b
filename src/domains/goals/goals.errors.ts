import { DomainError } from '../../kernel/errors.ts';
import type { GoalState } from './goals.state.ts';

/** Thrown when a goal is not in a state that allows something, or when a stream has as many open goals as it may. */
export class GoalStateError extends DomainError {
  readonly code = 'GOAL_STATE';
  /** @param state where the goal stands; null: there is none yet, and none may begin */
  constructor(
    message: string,
    readonly state: GoalState | null,
  ) {
    super(message);
  }
}
