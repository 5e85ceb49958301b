/** Work that is done again and again until it is stopped. */
export type Periodic = {
  /** No further run; waits for the one under way. */
  stop: () => Promise<void>;
};

/**
 * Does `work` at an interval, one run at a time: a tick that comes during a run is left out. Does not keep the process alive.
 * @param work must not reject: what fails is its own to log, and the next run tries again
 */
export function every(intervalMs: number, work: () => Promise<void>): Periodic {
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    running ??= work().finally(() => {
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
