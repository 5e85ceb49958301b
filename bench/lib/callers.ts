/** How long callers call, and how many at once. */
export type CallersOptions = {
  callers: number;
  /** Calls that end in this time are made, but not counted. */
  warmUpMs: number;
  durationMs: number;
  /** Ends everything early; `callInTurn` then rejects. */
  signal: AbortSignal;
};

/** What was counted after the warm-up. */
export type Measured<Outcome extends string> = {
  /** Calls by outcome. */
  counts: Map<Outcome, number>;
  /** How long the calls of each outcome took. */
  latenciesMs: Map<Outcome, number[]>;
  /** CPU time of this process. */
  cpuMs: number;
};

/**
 * A closed loop: each caller makes one call after another, until the time is over and its last call has ended.
 * The first error ends all callers and is thrown.
 * @param call makes one call for the caller of that number, from 0 on, and says how it ended
 */
export async function callInTurn<Outcome extends string>(
  options: CallersOptions,
  call: (caller: number) => Promise<Outcome>,
): Promise<Measured<Outcome>> {
  const measured: Measured<Outcome> = { counts: new Map(), latenciesMs: new Map(), cpuMs: 0 };
  const countedFromMs = performance.now() + options.warmUpMs;
  const endMs = countedFromMs + options.durationMs;
  let failed = false;
  const loop = async (caller: number): Promise<void> => {
    while (!failed && !options.signal.aborted) {
      const startedMs = performance.now();
      if (startedMs >= endMs) return;
      const outcome = await call(caller);
      const nowMs = performance.now();
      if (nowMs < countedFromMs || nowMs >= endMs) continue;
      note(measured, outcome, nowMs - startedMs);
    }
  };
  const cpu = measureCpu(options, (cpuMs) => {
    measured.cpuMs = cpuMs;
  });
  const loops = Array.from({ length: options.callers }, (_, caller) =>
    loop(caller).catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  // All of them, also after an error: nobody may still call when the database goes away.
  const ended = await Promise.allSettled(loops);
  cpu.stop();
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  options.signal.throwIfAborted();
  return measured;
}

function note<Outcome extends string>(measured: Measured<Outcome>, outcome: Outcome, latencyMs: number): void {
  measured.counts.set(outcome, (measured.counts.get(outcome) ?? 0) + 1);
  const latencies = measured.latenciesMs.get(outcome);
  if (latencies) latencies.push(latencyMs);
  else measured.latenciesMs.set(outcome, [latencyMs]);
}

function measureCpu(options: CallersOptions, report: (cpuMs: number) => void): { stop: () => void } {
  let before = process.cpuUsage();
  const begin = setTimeout(() => {
    before = process.cpuUsage();
  }, options.warmUpMs);
  const end = setTimeout(() => {
    const { user, system } = process.cpuUsage(before);
    report((user + system) / 1000);
  }, options.warmUpMs + options.durationMs);
  return {
    stop: () => {
      clearTimeout(begin);
      clearTimeout(end);
    },
  };
}
