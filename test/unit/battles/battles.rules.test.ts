/** The rules of battles, without a database: what is due when, and that pieces add up whatever the clock does. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  forfeit,
  type RunningBattle,
  type Side,
  scoreOf,
  standing,
  type Turn,
  turn,
} from '../../../src/domains/battles/battles.rules.ts';

const START = Date.parse('2026-11-27T12:00:00Z');
const at = (seconds: number) => new Date(START + seconds * 1_000);

function side(streamId: number, coins: number): Side {
  const creator = { id: streamId, handle: `h${streamId}`, displayName: `H${streamId}` };
  return { streamId, creator, from: coins, coins, kept: 0, told: 0 };
}

/** Two minutes, with ×2 in the last 30 seconds and ×3 in the last 10. */
function fresh(changes: Partial<RunningBattle> = {}): RunningBattle {
  return {
    id: 1,
    sides: [side(1, 1_000), side(2, 50)],
    endsAt: at(120),
    factor: 1,
    factors: [2, 3],
    factorAt: [at(90), at(110)],
    factorsDone: 0,
    extended: false,
    extensionMs: 30_000,
    closePerMille: 20,
    toldAt: at(0),
    ...changes,
  };
}

function give(battle: RunningBattle, one: number, other: number): RunningBattle {
  const [a, b] = battle.sides;
  return {
    ...battle,
    sides: [
      { ...a, coins: a.coins + one },
      { ...b, coins: b.coins + other },
    ],
  };
}

const typesOf = ({ drafts }: Turn) => drafts.map(({ type, streamId }) => `${type} ${streamId}`);
const scores = (battle: RunningBattle) => standing(battle).map(({ score }) => score);

describe('what is due', () => {
  test('nothing while nothing is new', () => {
    expect(turn(fresh(), at(60), 1_000)).toEqual({ battle: fresh(), drafts: [] });
  });

  test('a new score, once in a while, in both logs', () => {
    const given = give(fresh(), 5, 0);
    expect(turn(given, at(0.9), 1_000).drafts).toEqual([]);
    const told = turn(given, at(1), 1_000);
    expect(typesOf(told)).toEqual(['BATTLE_SCORED 1', 'BATTLE_SCORED 2']);
    expect(turn(told.battle, at(5), 1_000).drafts).toEqual([]);
  });

  test('a multiplier: what was given before it counts as it did', () => {
    const first = turn(give(fresh(), 10, 4), at(90), 1_000);
    expect(typesOf(first)).toEqual(['BATTLE_MULTIPLIED 1', 'BATTLE_MULTIPLIED 2']);
    const later = give(first.battle, 1, 1);
    expect(scores(later)).toEqual([12, 6]);
    const second = turn(later, at(111), 1_000);
    expect(second.battle.factor).toBe(3);
    expect(scores(give(second.battle, 1, 0))).toEqual([15, 6]);
  });

  test('the latest multiplier, when nobody was there for the one before', () => {
    const late = turn(fresh(), at(115), 1_000);
    expect(late.battle).toMatchObject({ factor: 3, factorsDone: 2 });
    expect(late.drafts).toHaveLength(2);
  });

  test('all at once, when nobody was there at all', () => {
    const late = turn(give(fresh(), 10, 4), at(500), 1_000);
    expect(typesOf(late)).toEqual(['BATTLE_MULTIPLIED 1', 'BATTLE_MULTIPLIED 2', 'BATTLE_ENDED 1', 'BATTLE_ENDED 2']);
    expect(late.end).toEqual({ outcome: 'WON', winnerStreamId: 1 });
    expect(scores(late.battle)).toEqual([10, 4]);
  });

  test('an extension, counted from when it is given, and only one', () => {
    const tied = turn(fresh({ factorAt: [], factors: [] }), at(400), 1_000);
    expect(typesOf(tied)).toEqual(['BATTLE_EXTENDED 1', 'BATTLE_EXTENDED 2']);
    expect(tied.battle).toMatchObject({ endsAt: at(430), extended: true });
    expect(turn(tied.battle, at(430), 1_000).end).toEqual({ outcome: 'DRAW', winnerStreamId: null });
  });

  test.each([
    [1_000, 961, true],
    [1_000, 960, false],
    [510, 490, false],
    [1, 0, false],
    [0, 0, true],
  ])('%i to %i is close: %s', (one, other, close) => {
    const over = turn(give(fresh({ factorAt: [], factors: [] }), one, other), at(120), 1_000);
    expect(over.battle.extended).toBe(close);
    expect(over.end === undefined).toBe(close);
  });

  test('no extension where there is none', () => {
    expect(turn(fresh({ extensionMs: 0, factors: [], factorAt: [] }), at(120), 1_000).end?.outcome).toBe('DRAW');
  });

  test('a clock that jumps back delays what is to come, and takes nothing back', () => {
    const multiplied = turn(give(fresh(), 7, 0), at(90), 1_000).battle;
    const back = turn(give(multiplied, 1, 0), at(-1_000), 1_000);
    expect(back.drafts).toEqual([]);
    expect(back.battle).toMatchObject({ factor: 2, factorsDone: 1 });
    expect(scores(back.battle)).toEqual([9, 0]);
  });
});

test('who is left wins, with fewer coins, too', () => {
  const over = forfeit(give(fresh(), 900, 1), 1, at(50));
  expect(over.end).toEqual({ outcome: 'FORFEIT', winnerStreamId: 2 });
  expect(over.drafts.map(({ payload }) => payload)).toMatchObject([{ winnerStreamId: 2 }, { winnerStreamId: 2 }]);
  expect(scores(over.battle)).toEqual([900, 1]);
});

test('pieces add up to the sum of the gifts, each as often as it counted', () => {
  const step = fc.record({ one: fc.nat(500), other: fc.nat(500), seconds: fc.integer({ min: -40, max: 40 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, forfeits) => {
      let battle = fresh();
      const sums = [0, 0];
      let now = 0;
      let ends = 0;
      for (const { one, other, seconds } of steps) {
        battle = give(battle, one, other);
        sums[0]! += battle.factor * one;
        sums[1]! += battle.factor * other;
        now += seconds;
        const turned = turn(battle, at(now), 1_000);
        for (const { type, payload } of turned.drafts) {
          expect((payload as { sides: { score: number }[] }).sides.map(({ score }) => score)).toEqual(sums);
          if (type === 'BATTLE_EXTENDED') expect(battle.extended).toBe(false);
        }
        battle = turned.battle;
        expect(scores(battle)).toEqual(sums);
        if (turned.end) {
          ends++;
          expect(turned.end.winnerStreamId).toBe(sums[0] === sums[1] ? null : sums[0]! > sums[1]! ? 1 : 2);
          break;
        }
      }
      if (forfeits && ends === 0) battle = forfeit(battle, 2, at(now)).battle;
      expect(battle.sides.map((each) => scoreOf(battle, each))).toEqual(sums);
    }),
  );
});
