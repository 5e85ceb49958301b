/** Connections are ended in portions, so often. */
const TICK_MS = 20;
/** Few connections need no long time: so much for each of them at the most. */
const PER_CONNECTION_MS_MAX = 50;

/**
 * Ends connections one after the other over a time, so that those who reconnect do not come to the other servers all at once.
 * @param windowMs how long that may take in all
 */
export function spread(ends: readonly (() => void)[], windowMs: number): Promise<void> {
  if (ends.length === 0) return Promise.resolve();
  const totalMs = Math.min(windowMs, ends.length * PER_CONNECTION_MS_MAX);
  const startMs = performance.now();
  let next = 0;
  return new Promise((resolve) => {
    const end = () => {
      const passedMs = performance.now() - startMs;
      const due = passedMs >= totalMs ? ends.length : Math.ceil((ends.length * passedMs) / totalMs);
      while (next < due) ends[next++]!();
      if (next < ends.length) return;
      clearInterval(timer);
      resolve();
    };
    const timer = setInterval(end, TICK_MS);
    end();
  });
}
