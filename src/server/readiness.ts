/** How long one check may take; longer is a failure. */
export const CHECK_MS_MAX = 1_000;
/** For so long an answer is given again: probes, however many, cost Postgres one statement in that time. */
export const READY_KEPT_MS = 1_000;

/** How something is that the server needs. Degraded: it serves, with less. */
export type CheckState = 'ok' | 'degraded' | 'failed';

/** What a check found. `note` is for operators and holds no secret. */
export type CheckResult = { state: CheckState; note?: string };

/** Looks at one thing. What it throws is a failure. */
export type Check = () => Promise<CheckResult>;

/** The body of `/ready`. */
export type ReadyBody = {
  status: 'ready' | 'degraded' | 'not ready' | 'draining';
  checks: Record<string, CheckResult & { ms: number }>;
};

/** Whether a load balancer should send requests here. Draining comes before everything else, and at once. */
export class Readiness {
  #isDraining = false;
  #kept: { untilMs: number; answer: Promise<ReadyBody> } | undefined;

  constructor(
    private readonly checks: Readonly<Record<string, Check>>,
    private readonly options: { checkMsMax: number; keptMs: number } = {
      checkMsMax: CHECK_MS_MAX,
      keptMs: READY_KEPT_MS,
    },
  ) {}

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** From now on it is not ready, for good. */
  drain(): void {
    this.#isDraining = true;
  }

  async answer(): Promise<{ status: number; body: ReadyBody }> {
    if (this.#isDraining) return { status: 503, body: { status: 'draining', checks: {} } };
    if (!this.#kept || performance.now() >= this.#kept.untilMs) {
      // Asked for at once, it is looked at once.
      this.#kept = { untilMs: performance.now() + this.options.keptMs, answer: this.#look() };
    }
    const body = await this.#kept.answer;
    return { status: body.status === 'not ready' ? 503 : 200, body };
  }

  async #look(): Promise<ReadyBody> {
    const found = await Promise.all(
      Object.entries(this.checks).map(async ([name, check]) => [name, await this.#run(check)] as const),
    );
    const states = found.map(([, { state }]) => state);
    const status = states.includes('failed') ? 'not ready' : states.includes('degraded') ? 'degraded' : 'ready';
    return { status, checks: Object.fromEntries(found) };
  }

  async #run(check: Check): Promise<CheckResult & { ms: number }> {
    const startMs = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<CheckResult>((resolve) => {
      const note = `no answer within ${this.options.checkMsMax} ms`;
      timer = setTimeout(() => resolve({ state: 'failed', note }), this.options.checkMsMax);
    });
    // Why it failed may name hosts and users: that is in the log of whoever failed, not here.
    const result = await Promise.race([check().catch((): CheckResult => ({ state: 'failed' })), late]);
    clearTimeout(timer);
    return { ...result, ms: Math.round(performance.now() - startMs) };
  }
}
