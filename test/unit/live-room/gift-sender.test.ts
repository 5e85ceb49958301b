/** Taps on a gift: they gather while a call is under way, and a call without an answer is repeated, not doubled. */
import { expect, test } from 'vitest';
import { GiftSender } from '../../../examples/live-room/src/room/gift-sender.ts';

type Send = ConstructorParameters<typeof GiftSender>[0];
type Answer = Awaited<ReturnType<Send>>;

const SUCCESS = { ok: true, value: { __typename: 'SendGiftSuccess' } } as unknown as Answer;
const NO_ANSWER: Answer = { ok: false, problem: { __typename: 'NoAnswer' } };

/** A sender whose calls are answered when the test says so. */
function sender() {
  const calls: { quantity: number; key: string; answer: (answer: Answer) => void }[] = [];
  const problems: (string | undefined)[] = [];
  let count = 0;
  const gifts = new GiftSender(
    (quantity, key) => new Promise((answer) => calls.push({ quantity, key, answer })),
    (shown) => {
      count = shown;
    },
    (problem) => problems.push(problem?.__typename),
  );
  return { gifts, calls, problems, count: () => count };
}

test('taps count at once, and those during a call go together in the next', async () => {
  const { gifts, calls, count } = sender();
  for (let tap = 0; tap < 4; tap++) gifts.tap();
  expect(count()).toBe(4);
  expect(calls.map(({ quantity }) => quantity)).toEqual([1]);
  calls[0]!.answer(SUCCESS);
  await expect.poll(() => calls.map(({ quantity }) => quantity)).toEqual([1, 3]);
  expect(calls[1]!.key).not.toBe(calls[0]!.key);
});

test('a tap after a call without an answer repeats it with its key, and the one after that is new', async () => {
  const { gifts, calls, problems, count } = sender();
  gifts.tap();
  calls[0]!.answer(NO_ANSWER);
  await expect.poll(() => problems).toEqual(['NoAnswer']);
  expect(count()).toBe(0);
  gifts.tap();
  calls[1]!.answer(SUCCESS);
  await expect.poll(() => problems).toEqual(['NoAnswer', undefined]);
  gifts.tap();
  await expect.poll(() => calls).toHaveLength(3);
  expect(calls[1]!.key).toBe(calls[0]!.key);
  expect(calls[2]!.key).not.toBe(calls[0]!.key);
});

test('who taps more often than in the call without an answer wants something else', async () => {
  const { gifts, calls, problems } = sender();
  for (let tap = 0; tap < 3; tap++) gifts.tap();
  calls[0]!.answer(SUCCESS);
  await expect.poll(() => calls).toHaveLength(2);
  calls[1]!.answer(NO_ANSWER);
  await expect.poll(() => problems).toEqual([undefined, 'NoAnswer']);
  gifts.tap();
  await expect.poll(() => calls).toHaveLength(3);
  expect(calls.map(({ quantity }) => quantity)).toEqual([1, 2, 1]);
  expect(calls[2]!.key).not.toBe(calls[1]!.key);
});
