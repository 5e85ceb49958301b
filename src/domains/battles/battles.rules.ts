import type { LiveEventDraft } from '../../live/live-event.ts';
import type { Profile } from '../accounts/accounts.api.ts';
import { type BattleSideView, battleEvents } from './battles.events.ts';
import type { BattleOutcome } from './battles.state.ts';

/** A side of a battle under way. Coins are places on its stream's running total, which only grows. */
export type Side = {
  streamId: number;
  creator: Profile;
  /** Where the piece under way began. */
  from: number;
  /** Where it is now. */
  coins: number;
  /** The score of the pieces before. */
  kept: number;
  /** The score that the logs were told last. */
  told: number;
};

/** A battle under way. */
export type RunningBattle = {
  id: number;
  /** First the one that has invited. */
  sides: readonly [Side, Side];
  endsAt: Date;
  factor: number;
  factors: readonly number[];
  /** When each of the factors comes into force, in order. */
  factorAt: readonly Date[];
  /** How many of them have. */
  factorsDone: number;
  extended: boolean;
  extensionMs: number;
  closePerMille: number;
  toldAt: Date;
};

/** How a battle came out. */
export type BattleEnd = { outcome: BattleOutcome; winnerStreamId: number | null };

/** What becomes of a battle: as it is now, its end if that has come, and what both logs are to be told. */
export type Turn = { battle: RunningBattle; end?: BattleEnd; drafts: LiveEventDraft[] };

/** The score of a side now. */
export function scoreOf({ factor }: Pick<RunningBattle, 'factor'>, { kept, coins, from }: Side): number {
  return kept + factor * (coins - from);
}

/** The sides as everybody sees them. */
export function standing(battle: Pick<RunningBattle, 'factor' | 'sides'>): [BattleSideView, BattleSideView] {
  const view = (side: Side) => ({
    streamId: side.streamId,
    creator: side.creator,
    score: scoreOf(battle, side),
  });
  return [view(battle.sides[0]), view(battle.sides[1])];
}

/**
 * Moves a battle on to `now`, the database's time, with the coins that its streams have now: the next multiplier, the extension or
 * the end, whichever are due; else how it stands, if that is new and was not told of within `scoredEveryMs`. What is due goes by what
 * stands in the row: a clock that jumps back only delays it, and what has happened stays so.
 */
export function turn(battle: RunningBattle, now: Date, scoredEveryMs: number): Turn {
  const multiplied = multiply(battle, now);
  if (multiplied.battle.endsAt <= now) return finish(multiplied, now);
  if (multiplied.drafts.length > 0) return multiplied;
  const sides = standing(battle);
  const isNew = sides.some(({ score }, index) => score !== battle.sides[index]!.told);
  if (!isNew || now.getTime() - battle.toldAt.getTime() < scoredEveryMs) return { battle, drafts: [] };
  const drafts = battleEvents('BATTLE_SCORED', { battleId: battle.id, sides, factor: battle.factor });
  return { battle: told(battle, now), drafts };
}

/** Ends a battle because the stream of one side has: the other, which is on air still, wins, whatever the scores are. */
export function forfeit(battle: RunningBattle, endedStreamId: number, now: Date): Turn {
  const winner = battle.sides.find(({ streamId }) => streamId !== endedStreamId)!;
  return end(battle, { outcome: 'FORFEIT', winnerStreamId: winner.streamId }, now);
}

/** Begins the piece of the latest multiplier that is due; those that a server missed are passed over. */
function multiply(battle: RunningBattle, now: Date): Turn {
  const due = battle.factorAt.filter((at) => at <= now).length;
  if (due <= battle.factorsDone) return { battle, drafts: [] };
  const factor = battle.factors[due - 1]!;
  const next = { ...told(closePiece(battle), now), factor, factorsDone: due };
  const endsAt = battle.endsAt.toISOString();
  return {
    battle: next,
    drafts: battleEvents('BATTLE_MULTIPLIED', { battleId: battle.id, sides: standing(next), factor, endsAt }),
  };
}

/** Its time is over: it is extended, once, if it is close; else it ends. */
function finish({ battle, drafts }: Turn, now: Date): Turn {
  const sides = standing(battle);
  const [one, other] = [sides[0].score, sides[1].score];
  const lead = Math.abs(one - other);
  const isClose = lead === 0 || lead * 1_000 < battle.closePerMille * (one + other);
  if (isClose && !battle.extended && battle.extensionMs > 0) {
    const endsAt = new Date(now.getTime() + battle.extensionMs);
    const { id: battleId, factor } = battle;
    return {
      battle: { ...told(battle, now), endsAt, extended: true },
      drafts: [
        ...drafts,
        ...battleEvents('BATTLE_EXTENDED', { battleId, sides, factor, endsAt: endsAt.toISOString() }),
      ],
    };
  }
  const winner = one === other ? null : sides[one > other ? 0 : 1];
  const ended = end(battle, { outcome: winner ? 'WON' : 'DRAW', winnerStreamId: winner ? winner.streamId : null }, now);
  return { ...ended, drafts: [...drafts, ...ended.drafts] };
}

function end(battle: RunningBattle, how: BattleEnd, now: Date): Turn {
  const sides = standing(battle);
  return {
    battle: told(closePiece(battle), now),
    end: how,
    drafts: battleEvents('BATTLE_ENDED', { battleId: battle.id, sides, ...how }),
  };
}

/** Keeps what the piece under way has brought; the next begins here. */
function closePiece(battle: RunningBattle): RunningBattle {
  const close = (side: Side): Side => ({ ...side, kept: scoreOf(battle, side), from: side.coins });
  return { ...battle, sides: [close(battle.sides[0]), close(battle.sides[1])] };
}

/** Notes that the logs are told how it stands. */
function told(battle: RunningBattle, now: Date): RunningBattle {
  const note = (side: Side): Side => ({ ...side, told: scoreOf(battle, side) });
  return { ...battle, toldAt: now, sides: [note(battle.sides[0]), note(battle.sides[1])] };
}
