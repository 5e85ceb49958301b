/** Periodic work: one run at a time, none after the stop. */
import { expect, test, vi } from 'vitest';
import { every } from '../../src/kernel/every.ts';

const INTERVAL_MS = 1_000;

test('a tick during a run is left out, and a stop waits for the run and starts no other', async () => {
  vi.useFakeTimers();
  try {
    let runs = 0;
    let finish = () => {};
    const periodic = every(INTERVAL_MS, () => {
      runs++;
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    await vi.advanceTimersByTimeAsync(3 * INTERVAL_MS);
    expect(runs).toBe(1);
    finish();
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    expect(runs).toBe(2);

    let stopped = false;
    const stop = periodic.stop().then(() => {
      stopped = true;
    });
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    expect(stopped).toBe(false);
    finish();
    await stop;
    await vi.advanceTimersByTimeAsync(3 * INTERVAL_MS);
    expect(runs).toBe(2);
  } finally {
    vi.useRealTimers();
  }
});
