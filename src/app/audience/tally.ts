import { Refusal } from './connection.ts';

/** Where the audience writes what does not work out. */
export type AudienceLog = { warn: (fields: object, message: string) => void };

/** What the audience has done so far. */
export type Counts = {
  /** Who is there now. */
  viewers: number;
  gifts: number;
  chat: number;
  likes: number;
  orders: number;
  boxes: number;
  shares: number;
  /** Reactions that were seen being performed. */
  reactions: number;
  battles: number;
  goals: number;
  /** What the server said no to, with a reason. */
  refused: number;
  /** What failed in any other way. */
  failed: number;
};

/** How often failures are told, all at once: one server that is down is one line, not a thousand. */
const TOLD_EVERY_MS = 60_000;
/** Refusals that belong to the play: nobody needs to hear of them. */
const EXPECTED = new Set([
  'PAUSED',
  'STOPPED',
  'BOX_EMPTY',
  'BOX_STATE',
  'SOLD_OUT',
  'OFFER_ENDED',
  'PER_BUYER_LIMIT',
  'PRICE_CHANGED',
  'REACTION_QUEUE_FULL',
]);

/** Counts what the audience does, and tells its failures once in a while. */
export class Tally {
  readonly counts: Counts = {
    viewers: 0,
    gifts: 0,
    chat: 0,
    likes: 0,
    orders: 0,
    boxes: 0,
    shares: 0,
    reactions: 0,
    battles: 0,
    goals: 0,
    refused: 0,
    failed: 0,
  };
  readonly #untold = new Map<string, number>();
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly log: AudienceLog) {}

  /** Notes what went wrong with something that is not tried again. */
  failed(error: unknown): void {
    if (error instanceof Refusal) {
      if (error.code === 'PAUSED' || error.code === 'STOPPED') return;
      this.counts.refused++;
      if (EXPECTED.has(error.code)) return;
    } else this.counts.failed++;
    const code = error instanceof Refusal ? error.code : 'UNEXPECTED';
    this.#untold.set(code, (this.#untold.get(code) ?? 0) + 1);
    const now = performance.now();
    if (now - this.#toldAtMs < TOLD_EVERY_MS) return;
    this.#toldAtMs = now;
    this.log.warn(
      { times: Object.fromEntries(this.#untold), err: error },
      'the simulated audience does not get everything done',
    );
    this.#untold.clear();
  }
}
