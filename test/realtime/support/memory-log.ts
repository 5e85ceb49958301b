/** A log in memory, for unit tests of what reads logs: it holds what it is told, and can pause or fail a read. */
import type { ReadPage } from '../../../src/live/feed.ts';
import type { LiveEvent } from '../../../src/live/live-event.ts';

/** A read that has begun and waits for the test. */
export type PausedRead = { started: Promise<void>; proceed: () => void };

/** A log in memory. */
export type MemoryLog = {
  readPage: ReadPage;
  /** The numbers behind which pages were read, in order. */
  reads: bigint[];
  /** Adds events. */
  hold(events: readonly LiveEvent[]): void;
  /** Forgets the events up to a number. */
  prune(upTo: bigint): void;
  /** The next read takes its page at once and hands it over when the test says so, as a slow network would. */
  pauseNextRead(): PausedRead;
  failNextRead(error: Error): void;
};

/** An empty log. */
export function testLog(): MemoryLog {
  let held: LiveEvent[] = [];
  let pause: { begin: () => void; proceeded: Promise<void> } | undefined;
  let failure: Error | undefined;
  const reads: bigint[] = [];
  return {
    reads,
    hold: (events) => {
      held.push(...events);
    },
    prune: (upTo) => {
      held = held.filter((event) => event.seq > upTo);
    },
    pauseNextRead: () => {
      let begin!: () => void;
      let proceed!: () => void;
      const started = new Promise<void>((resolve) => {
        begin = resolve;
      });
      const proceeded = new Promise<void>((resolve) => {
        proceed = resolve;
      });
      pause = { begin, proceeded };
      return { started, proceed };
    },
    failNextRead: (error) => {
      failure = error;
    },
    readPage: async (afterSeq, limit) => {
      reads.push(afterSeq);
      const [paused, failed] = [pause, failure];
      [pause, failure] = [undefined, undefined];
      const page = held.filter((event) => event.seq > afterSeq).slice(0, limit);
      paused?.begin();
      await paused?.proceeded;
      if (failed) throw failed;
      return page;
    },
  };
}

/** Events with these numbers, of stream 1. */
export function events(...seqs: number[]): LiveEvent[] {
  return seqs.map((seq) => ({
    streamId: 1n,
    seq: BigInt(seq),
    type: seq % 2 === 0 ? 'GIFT_SENT' : 'CHAT_MESSAGE',
    occurredAt: new Date(1_700_000_000_000 + seq),
    payload: { number: seq },
  }));
}

/** The numbers of events. */
export function seqs(events: readonly LiveEvent[]): number[] {
  return events.map((event) => Number(event.seq));
}
