/** How calls become batches: what queues up while one batch commits is the next one. */
import { expect, test } from 'vitest';
import { OverloadedError } from '../../src/kernel/errors.ts';
import { GroupCommit, type GroupCommitOptions } from '../../src/kernel/group-commit.ts';

type Commit = { batch: readonly number[]; answer: () => void; fail: (error: unknown) => void };

/** A GroupCommit over numbers whose commits wait until the test answers them. The outcome of n is `done n`. */
function writer(options: Partial<GroupCommitOptions<number, string>> = {}) {
  const commits: Commit[] = [];
  const group = new GroupCommit<number, string>({
    commit: (batch) =>
      new Promise((resolve, reject) => {
        commits.push({ batch, answer: () => resolve(batch.map((item) => `done ${item}`)), fail: reject });
      }),
    batchMax: 100,
    queueMax: 100,
    retryAfterMs: 250,
    attemptsMax: 3,
    classify: () => 'fail',
    ...options,
  });
  const commit = async (index: number) => {
    await expect.poll(() => commits.length, { interval: 1 }).toBeGreaterThan(index);
    return commits[index]!;
  };
  return { group, commits, commit };
}

/** A GroupCommit whose commits are decided by a function, and the batches that it saw. */
function decided(
  decide: (batch: readonly number[], attempt: number) => void,
  options: Partial<GroupCommitOptions<number, string>> = {},
) {
  const batches: number[][] = [];
  const { group } = writer({
    commit: async (batch) => {
      batches.push([...batch]);
      decide(batch, batches.length);
      return batch.map((item) => `done ${item}`);
    },
    ...options,
  });
  return { group, batches };
}

test('calls of one turn are one batch, and each caller gets its own outcome', async () => {
  const { group, commits, commit } = writer();
  const outcomes = Promise.all([1, 2, 3].map((item) => group.submit(item)));
  (await commit(0)).answer();
  expect(await outcomes).toEqual(['done 1', 'done 2', 'done 3']);
  expect(commits.map(({ batch }) => batch)).toEqual([[1, 2, 3]]);
});

test('what queues up while a batch commits is the next batch, in the order of the calls', async () => {
  const { group, commits, commit } = writer();
  const outcomes = [group.submit(1)];
  const first = await commit(0);
  outcomes.push(...[2, 3, 4].map((item) => group.submit(item)));
  expect(group.queued).toBe(3);
  first.answer();
  (await commit(1)).answer();
  expect(await Promise.all(outcomes)).toEqual(['done 1', 'done 2', 'done 3', 'done 4']);
  expect(commits.map(({ batch }) => batch)).toEqual([[1], [2, 3, 4]]);
  expect(group.queued).toBe(0);
});

test('only one batch commits at a time', async () => {
  let open = 0;
  let mostOpen = 0;
  const { group } = writer({
    batchMax: 2,
    commit: async (batch) => {
      mostOpen = Math.max(mostOpen, ++open);
      await new Promise((resolve) => setImmediate(resolve));
      open--;
      return batch.map((item) => `done ${item}`);
    },
  });
  await Promise.all(Array.from({ length: 20 }, (_, item) => group.submit(item)));
  expect(mostOpen).toBe(1);
});

test('a batch holds batchMax items at the most', async () => {
  const { group, batches } = decided(() => {}, { batchMax: 2 });
  await Promise.all([1, 2, 3, 4, 5].map((item) => group.submit(item)));
  expect(batches).toEqual([[1, 2], [3, 4], [5]]);
});

test('past the bound of the queue a call is refused at once, and the others are not disturbed', async () => {
  const { group, commit } = writer({ batchMax: 2, queueMax: 2 });
  const accepted = [group.submit(1)];
  const first = await commit(0);
  accepted.push(group.submit(2), group.submit(3));
  const refusal = await group.submit(4).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(OverloadedError);
  expect((refusal as OverloadedError).retryAfterMs).toBe(250);
  first.answer();
  (await commit(1)).answer();
  expect(await Promise.all(accepted)).toEqual(['done 1', 'done 2', 'done 3']);
});

test('a refused call may come again when there is room', async () => {
  const { group, commit } = writer({ batchMax: 1, queueMax: 1 });
  const first = group.submit(1);
  const running = await commit(0);
  const second = group.submit(2);
  await expect(group.submit(3)).rejects.toBeInstanceOf(OverloadedError);
  running.answer();
  await first;
  (await commit(1)).answer();
  await second;
  const third = group.submit(3);
  (await commit(2)).answer();
  expect(await third).toBe('done 3');
});

test('a batch that lost against another transaction is tried again whole', async () => {
  const { group, batches } = decided(
    (_batch, attempt) => {
      if (attempt < 3) throw new Error('deadlock');
    },
    { classify: () => 'retry', attemptsMax: 3 },
  );
  expect(await Promise.all([group.submit(1), group.submit(2)])).toEqual(['done 1', 'done 2']);
  expect(batches).toEqual([
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
});

test('attempts are bounded: then every caller of the batch gets the error, and the next batch goes on', async () => {
  const { group, batches } = decided(
    (batch) => {
      if (batch.includes(1)) throw new Error('deadlock');
    },
    { classify: () => 'retry', attemptsMax: 3 },
  );
  const results = await Promise.allSettled([group.submit(1), group.submit(2)]);
  expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected']);
  expect(batches).toHaveLength(3);
  expect(await group.submit(3)).toBe('done 3');
});

test('one poisoned item fails alone: the batch is split until only it is left', async () => {
  const { group, batches } = decided(
    (batch) => {
      if (batch.includes(6)) throw new Error('item 6 is poison');
    },
    { classify: () => 'split' },
  );
  const results = await Promise.allSettled([1, 2, 3, 4, 5, 6, 7, 8].map((item) => group.submit(item)));
  expect(
    results.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason.message))),
  ).toEqual(['done 1', 'done 2', 'done 3', 'done 4', 'done 5', 'item 6 is poison', 'done 7', 'done 8']);
  expect(batches).toEqual([[1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4], [5, 6, 7, 8], [5, 6], [5], [6], [7, 8]]);
});

test('several poisoned items fail, each with its own error', async () => {
  const { group } = decided(
    (batch) => {
      const bad = batch.find((item) => item % 2 === 0);
      if (bad !== undefined) throw new Error(`item ${bad} is poison`);
    },
    { classify: () => 'split' },
  );
  const results = await Promise.allSettled([1, 2, 3, 4].map((item) => group.submit(item)));
  expect(
    results.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason.message))),
  ).toEqual(['done 1', 'item 2 is poison', 'done 3', 'item 4 is poison']);
});

test('an error of no use to split or retry fails the whole batch once', async () => {
  const { group, batches } = decided(
    (batch) => {
      if (batch.includes(1)) throw new Error('the connection broke');
    },
    { classify: () => 'fail' },
  );
  const results = await Promise.allSettled([group.submit(1), group.submit(2)]);
  expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected']);
  expect(batches).toEqual([[1, 2]]);
  expect(await group.submit(3)).toBe('done 3');
});

test('a commit that forgets an item is a defect, and nobody gets a neighbour’s outcome', async () => {
  const { group } = writer({ commit: async (batch) => batch.slice(1).map((item) => `done ${item}`) });
  const results = await Promise.allSettled([group.submit(1), group.submit(2)]);
  expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected']);
});

test('close commits what is queued, and refuses what comes later', async () => {
  const { group, commit } = writer({ batchMax: 2 });
  const outcomes = [group.submit(1)];
  const first = await commit(0);
  outcomes.push(...[2, 3, 4].map((item) => group.submit(item)));
  let closed = false;
  const closing = group.close().then(() => {
    closed = true;
  });
  await expect(group.submit(5)).rejects.toBeInstanceOf(OverloadedError);
  first.answer();
  (await commit(1)).answer();
  const last = await commit(2);
  expect(closed).toBe(false);
  last.answer();
  await closing;
  expect(await Promise.all(outcomes)).toEqual(['done 1', 'done 2', 'done 3', 'done 4']);
});

test('closing an idle writer is done at once', async () => {
  const { group } = writer();
  await group.close();
  await expect(group.submit(1)).rejects.toBeInstanceOf(OverloadedError);
});
