import type { SweepMeter } from './instruments.ts';

/** What work answers that has failed, and has said so in the log. */
export const FAILED = Symbol('failed');

/** Work that is done again and again until it is stopped. */
export type Periodic = {
  /** No further run; waits for the one under way. */
  stop: () => Promise<void>;
};

/**
 * Does `work` at an interval, one run at a time: a tick that comes during a run is left out. Does not keep the process alive.
 * @param work must not reject: what fails is its own to log, and to answer with {@link FAILED}; the next run tries again
 */
export function every(intervalMs: number, work: () => Promise<unknown>, meter?: SweepMeter): Periodic {
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    running ??= measured(work, meter).finally(() => {
      running = undefined;
    });
  }, intervalMs);
  timer.unref();
  return {
    stop: async () => {
      clearInterval(timer);
      await running;
    },
  };
}

/** Does work once, and has the meter count it: what answers {@link FAILED} has failed. */
export async function measured(work: () => Promise<unknown>, meter: SweepMeter | undefined): Promise<void> {
  const startMs = performance.now();
  const result = await work();
  if (!meter) return;
  meter.runs++;
  if (result === FAILED) meter.failed++;
  meter.seconds.observe((performance.now() - startMs) / 1000);
}
