/** The play of the simulated audience, without a server: who does what, and when it keeps quiet. */
import { readFile } from 'node:fs/promises';
import { buildSchema, parse, validate } from 'graphql';
import { describe, expect, test } from 'vitest';
import { EAR, MUTATIONS, QUERIES, WATCH } from '../../src/app/audience/documents.ts';
import { ON_A_MOMENT, SMALL_TALK, THANKS } from '../../src/app/audience/lines.ts';
import { Pace } from '../../src/app/audience/pace.ts';
import { NOT_THE_AUDIENCE, PEOPLE } from '../../src/app/audience/people.ts';
import { type Cue, ROOMS, script } from '../../src/app/audience/script.ts';
import { CHAT_TEXT_LENGTH_MAX } from '../../src/domains/streams/streams.service.ts';

function cues(count: number, options: { seed: number; viewers?: number; rate?: number }): Cue[] {
  const all = script({ viewers: 24, rate: 1.5, ...options });
  return Array.from({ length: count }, () => all.next().value);
}

describe('the script', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(cues(2_000, { seed: 7 })).toEqual(cues(2_000, { seed: 7 }));
    expect(cues(2_000, { seed: 8 })).not.toEqual(cues(2_000, { seed: 7 }));
  });

  test('goes forward in time, and nobody does anything before they are there', () => {
    let lastMs = 0;
    const seats = new Map<number, string>();
    for (const cue of cues(20_000, { seed: 3 })) {
      expect(cue.atMs).toBeGreaterThanOrEqual(lastMs);
      lastMs = cue.atMs;
      if (cue.kind === 'enter') {
        expect([...seats.values()], 'nobody sits on two seats').not.toContain(cue.who.handle);
        seats.set(cue.seat, cue.who.handle);
      } else expect(seats.has(cue.seat)).toBe(true);
    }
    expect(seats.size).toBe(24);
  });

  test('gives about as much as it is told to, mostly roses, and rarely a galaxy', () => {
    const all = cues(60_000, { seed: 11, rate: 2 });
    const given = new Map<string, number>();
    for (const cue of all) if (cue.kind === 'gift') given.set(cue.gift, (given.get(cue.gift) ?? 0) + cue.count);
    const gifts = [...given.values()].reduce((sum, count) => sum + count, 0);
    const perSecond = gifts / (all.at(-1)!.atMs / 1000);
    expect(perSecond).toBeGreaterThan(1.7);
    expect(perSecond).toBeLessThan(2.8);
    expect(given.get('Rose')! / gifts).toBeGreaterThan(0.7);
    expect(given.get('Galaxy')! / gifts).toBeGreaterThan(0.0005);
    expect(given.get('Galaxy')! / gifts).toBeLessThan(0.02);
    for (const kind of ['enter', 'chat', 'likes', 'buy', 'box'])
      expect(all.some((cue) => cue.kind === kind)).toBe(true);
  });

  test('both streams have an audience, in both languages', () => {
    const entered = cues(5_000, { seed: 5 }).filter((cue) => cue.kind === 'enter');
    for (const { handle } of ROOMS) {
      const there = entered.filter(({ room }) => room === handle);
      expect(new Set(there.map(({ who }) => who.language))).toEqual(new Set(['en', 'ar']));
    }
  });
});

describe('who it is', () => {
  test('everybody has a handle that can sign in, once, and is none of those who belong to visitors', () => {
    const handles = PEOPLE.map(({ handle }) => handle);
    expect(new Set(handles).size).toBe(handles.length);
    for (const handle of handles) expect(handle).toMatch(/^[a-z0-9][a-z0-9_.]{1,29}$/);
    const others = [...NOT_THE_AUDIENCE, ...ROOMS.map(({ handle }) => handle)];
    expect(handles.filter((handle) => others.includes(handle))).toEqual([]);
  });

  test('every line fits into the chat', () => {
    const lines = [SMALL_TALK, ON_A_MOMENT, THANKS].flatMap((said) => JSON.stringify(said).match(/"[^"]*"/g) ?? []);
    expect(lines.length).toBeGreaterThan(80);
    for (const line of lines) expect(line.length).toBeLessThan(CHAT_TEXT_LENGTH_MAX / 2);
  });
});

test('every document of the audience is one of the public schema', async () => {
  const schema = buildSchema(await readFile('schema.graphql', 'utf8'));
  for (const document of [...Object.values(MUTATIONS), ...Object.values(QUERIES), EAR, WATCH]) {
    expect(validate(schema, parse(document)), document).toEqual([]);
  }
});

describe('the pace', () => {
  function pace() {
    const clock = { ms: 1_000 };
    return { clock, pace: new Pace(() => clock.ms) };
  }

  test('waits for as long as the server says, and longer each time that it says no again', () => {
    const { clock, pace: it } = pace();
    expect(it.pauseMs()).toBe(0);
    const pauses: number[] = [];
    for (let times = 0; times < 9; times++) {
      it.refused();
      pauses.push(it.pauseMs());
      clock.ms += it.pauseMs();
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    it.accepted();
    it.refused(5_000);
    expect(it.pauseMs()).toBe(5_000);
  });

  test('what was under way when the server said no does not make it wait longer', () => {
    const { pace: it } = pace();
    for (let times = 0; times < 20; times++) it.refused();
    expect(it.pauseMs()).toBe(1_000);
    it.accepted();
    expect(it.pauseMs(), 'nor does an answer that was on its way end the pause').toBe(1_000);
  });
});
