/** What a stream's log says of a battle in it, counted anew from the gifts. */
import type { LiveEvent } from './operations.ts';

/** The battle as one log tells it. */
export type ReplayedBattle = {
  /** The side's score: each gift as often as it counted at its place in the log. */
  score: number;
  /** Whether the log has its end. */
  isOver: boolean;
  /** Scores that an event told of this side and that the gifts before it do not add up to. */
  wrong: { seq: number; told: number; counted: number }[];
};

/** Counts a battle from the log of one of its streams, which is given with its id. */
export function replayBattle(events: readonly LiveEvent[], battleId: string, streamId: string): ReplayedBattle {
  const replayed: ReplayedBattle = { score: 0, isOver: false, wrong: [] };
  let factor = 0;
  for (const event of events) {
    if (event.type === 'GIFT_SENT') replayed.score += factor * (event.coins as number);
    if (event.battleId !== battleId) continue;
    const sides = event.sides as { streamId: string; score: number }[];
    const told = sides.find((side) => side.streamId === streamId)!.score;
    if (told !== replayed.score) replayed.wrong.push({ seq: event.seq, told, counted: replayed.score });
    if (event.type === 'BATTLE_STARTED') factor = 1;
    if (event.type === 'BATTLE_MULTIPLIED') factor = event.factor as number;
    if (event.type === 'BATTLE_ENDED') {
      factor = 0;
      replayed.isOver = true;
    }
  }
  return replayed;
}
