import { DomainError } from '../../kernel/errors.ts';
import type { BattleState } from './battles.state.ts';

/** Thrown when a battle, or one of its streams, is not in a state that allows something. */
export class BattleStateError extends DomainError {
  readonly code = 'BATTLE_STATE';
  /** @param state where the battle stands; null: there is none yet, and none may be asked for */
  constructor(
    message: string,
    readonly state: BattleState | null,
  ) {
    super(message);
  }
}
