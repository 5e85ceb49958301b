/** What the response cache keeps, for how long, and how much of it. */
import { expect, test } from 'vitest';
import { ANSWER_BYTES_MAX, KeptAnswers, type KeptAnswersOptions } from '../../src/graphql/kept-answers.ts';

const HOUR_MS = 3_600_000;

/** Answers that only changes end. */
function keptAnswers(options: KeptAnswersOptions = {}): KeptAnswers {
  return new KeptAnswers({ ttlMs: HOUR_MS, ...options });
}

/** Keeps an answer that was read just now. */
function keep(answers: KeptAnswers, key: string, topics: string[], text = `answer to ${key}`): void {
  answers.keep(key, answers.begin(), text, topics);
}

test('an answer is kept until one of its topics changes, and others stay', () => {
  const answers = keptAnswers();
  keep(answers, 'one', ['a', 'b']);
  keep(answers, 'other', ['c']);
  answers.change(['x']);
  expect(answers.get('one')).toBe('answer to one');
  answers.change(['b', 'y']);
  expect(answers.get('one')).toBeUndefined();
  expect(answers.get('other')).toBe('answer to other');
});

test('an answer that was read before a change and arrives after it is not kept', () => {
  const answers = keptAnswers();
  const reading = answers.begin();
  answers.change(['a']);
  answers.keep('stale', reading, 'stale', ['a']);
  answers.keep('fine', reading, 'fine', ['b']);
  expect(answers.get('stale')).toBeUndefined();
  expect(answers.get('fine')).toBe('fine');
});

test('an answer that was read after a change is kept', () => {
  const answers = keptAnswers();
  answers.change(['a']);
  keep(answers, 'one', ['a']);
  expect(answers.get('one')).toBe('answer to one');
});

test('an answer ends with its time, also when no change is heard', () => {
  const answers = keptAnswers({ ttlMs: 0 });
  keep(answers, 'one', ['a']);
  expect(answers.get('one')).toBeUndefined();
});

test('so many changes that not all are remembered end what was read before them', () => {
  const answers = keptAnswers();
  keep(answers, 'before', ['a']);
  const reading = answers.begin();
  for (let topic = 0; topic <= 10_000; topic++) answers.change([`topic ${topic}`]);
  answers.keep('under way', reading, 'under way', ['b']);
  keep(answers, 'after', ['topic 0']);
  expect([answers.get('before'), answers.get('under way')]).toEqual([undefined, undefined]);
  expect(answers.get('after')).toBe('answer to after');
});

test('a long answer is not kept, and all together have a bound', () => {
  const answers = keptAnswers({ bytesMax: 10_000 });
  keep(answers, 'long', ['a'], 'x'.repeat(ANSWER_BYTES_MAX));
  expect(answers.get('long')).toBeUndefined();
  const keys = Array.from({ length: 100 }, (_, index) => `key ${index}`);
  for (const key of keys) keep(answers, key, ['a']);
  const kept = keys.filter((key) => answers.get(key) !== undefined);
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.length).toBeLessThan(10);
  expect(kept).toEqual(keys.slice(-kept.length));
});

test('with no room nothing is kept', () => {
  const answers = keptAnswers({ bytesMax: 0 });
  keep(answers, 'one', ['a']);
  expect(answers.get('one')).toBeUndefined();
});
