import { assert } from './assert.ts';
import { OverloadedError } from './errors.ts';
import { BatchMeter, type Cause, Instruments, type Span } from './instruments.ts';

/** Traces that a batch is linked to at the most. */
const LINKS_MAX = 128;

/** How a {@link GroupCommit} commits and where its bounds lie. */
export type GroupCommitOptions<Item, Outcome> = {
  /** What is committed, in a word, and who watches; without it nobody does. */
  watched?: { name: string; instruments: Instruments };
  /**
   * Commits a batch in one SQL transaction and returns one outcome per item, in order. Never called twice at once.
   * @param causes whose item each is, where that is followed
   */
  commit: (batch: readonly Item[], causes: readonly (Cause | undefined)[]) => Promise<readonly Outcome[]>;
  /** Items in one batch at the most. */
  batchMax: number;
  /** Items that may wait at the most; one more is refused with OverloadedError. */
  queueMax: number;
  /** What OverloadedError tells callers to wait. */
  retryAfterMs: number;
  /** How a failed batch is treated: tried again whole, failed whole, or split to find the item that poisons it. */
  classify: (error: unknown) => 'retry' | 'fail' | 'split';
  /** Attempts at one batch, the first included, while `classify` says retry. */
  attemptsMax: number;
};

type Entry<Item, Outcome> = {
  item: Item;
  cause: Cause | undefined;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
};

/**
 * Group commit (DeWitt et al., "Implementation techniques for main memory database systems", 1984): whatever has queued up
 * while one batch commits is the next batch. No delay is added; the busier it is, the larger the batches and the cheaper an
 * item. A batch that fails is tried again, or split in halves until only the item at fault fails.
 */
export class GroupCommit<Item, Outcome> {
  readonly #options: GroupCommitOptions<Item, Outcome>;
  readonly #meter: BatchMeter;
  readonly #instruments: Instruments;
  #queue: Entry<Item, Outcome>[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: GroupCommitOptions<Item, Outcome>) {
    assert(options.batchMax > 0 && options.queueMax >= options.batchMax, 'a queue holds at least one batch');
    this.#options = options;
    this.#instruments = options.watched?.instruments ?? new Instruments();
    this.#meter = options.watched ? this.#instruments.meters.batches.of(options.watched.name) : new BatchMeter();
    this.#meter.queued = () => this.#queue.length;
  }

  /** Items that wait, those being committed not counted. */
  get queued(): number {
    return this.#queue.length;
  }

  /**
   * Queues an item.
   * @returns its own outcome, once its batch is committed
   * @throws {OverloadedError} when the queue is full or closed; the item is not queued
   */
  submit(item: Item): Promise<Outcome> {
    if (this.#closed || this.#queue.length >= this.#options.queueMax) {
      this.#meter.refused++;
      return Promise.reject(new OverloadedError(this.#options.retryAfterMs));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, cause: this.#instruments.cause, resolve, reject });
      // Of nobody in particular: what one caller starts goes on for all who come meanwhile.
      this.#running ??= this.#instruments.within(undefined, () => this.#run());
    });
  }

  /** Refuses new items and waits for the queued ones to be committed. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    // Callers of the same turn of the event loop belong into the same batch.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      await this.#settle(this.#queue.splice(0, this.#options.batchMax));
    }
    this.#running = undefined;
  }

  /** Commits a batch and answers every caller in it. Never throws. */
  async #settle(batch: Entry<Item, Outcome>[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const outcomes = await this.#commit(batch);
        assert(outcomes.length === batch.length, 'commit returns one outcome per item');
        batch.forEach((entry, index) => {
          entry.resolve(outcomes[index] as Outcome);
        });
        return;
      } catch (error) {
        const treatment = this.#options.classify(error);
        if (treatment === 'retry' && attempt < this.#options.attemptsMax) {
          this.#meter.retries++;
          continue;
        }
        if (treatment === 'split' && batch.length > 1) {
          this.#meter.splits++;
          const half = batch.length >> 1;
          await this.#settle(batch.slice(0, half));
          await this.#settle(batch.slice(half));
          return;
        }
        this.#meter.failed++;
        for (const entry of batch) entry.reject(error);
        return;
      }
    }
  }

  async #commit(batch: readonly Entry<Item, Outcome>[]): Promise<readonly Outcome[]> {
    const startMs = performance.now();
    const items = batch.map((entry) => entry.item);
    const causes = batch.map((entry) => entry.cause);
    const commit = () => this.#options.commit(items, causes);
    const outcomes = await (this.#instruments.tracer
      ? this.#instruments.span(`batch ${this.#options.watched?.name}`, this.#spanOptions(causes), commit)
      : commit());
    this.#meter.batches++;
    this.#meter.sizes.observe(batch.length);
    this.#meter.seconds.observe((performance.now() - startMs) / 1000);
    return outcomes;
  }

  /** A batch belongs to many traces: it is its own, linked to them, as the conventions of OpenTelemetry have it. */
  #spanOptions(causes: readonly (Cause | undefined)[]): { attributes: Record<string, number>; links: Span[] } {
    const links = causes.flatMap((cause) => (cause?.span ? [cause.span] : [])).slice(0, LINKS_MAX);
    return { attributes: { 'hadiya.batch.size': causes.length }, links };
  }
}
