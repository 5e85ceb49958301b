import { useEffect, useState } from 'react';

/** Below this the two clocks are taken to be the same: the server says its time in whole seconds. */
const SKEW_MS_MIN = 2_000;

let skewMs = 0;

/** Notes what time it is at the server: countdowns are to its moments, whatever this machine's clock says. */
export function noteServerDate(header: string | null): void {
  const skew = Date.parse(header ?? '') - Date.now();
  if (!Number.isNaN(skew)) skewMs = Math.abs(skew) < SKEW_MS_MIN ? 0 : skew;
}

/** The time at the server. */
export function serverNow(): number {
  return Date.now() + skewMs;
}

/** Whole seconds until a moment, counting down to 0 and then staying there. */
export function useCountdown(until: string | null | undefined): number {
  const [, tick] = useState(0);
  const left = until ? Math.max(0, Math.ceil((Date.parse(until) - serverNow()) / 1000)) : 0;
  const running = left > 0;
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => tick((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, [running]);
  return left;
}
