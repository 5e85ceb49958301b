/** What the servers under test have in common: when they publish, and what the driver may ask of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Memory, serveCommands, type Usage, usageCommands } from '../lib/commands.ts';

/** At every tick, each stream gets so many events at once. */
export type PublishPlan = {
  /** Global ids. */
  streams: readonly string[];
  ticks: number;
  tickMs: number;
  eventsPerTick: number;
  /** Makes each event larger by so many bytes. */
  paddingBytes?: number;
};

/** Puts events into streams. Each is stamped when this is called. */
export type Publish = (streams: readonly string[], count: number, padding: string) => void | Promise<void>;

/** Commands of a server under test. */
export type FeedServerCommands = {
  begin: () => void;
  end: () => Usage;
  memory: () => Promise<Memory>;
  /** Resolves when all is published, not when it has arrived. */
  publish: (plan: PublishPlan) => Promise<void>;
};

/** What a server says when it listens. */
export type FeedServerReady = { url: string };

/** Answers the driver. A tick that comes while the last one is still being published waits for it. */
export function serveFeed(url: string, publish: Publish): void {
  serveCommands(
    {
      ...usageCommands(),
      publish: async ({ streams, ticks, tickMs, eventsPerTick, paddingBytes = 0 }: PublishPlan) => {
        const padding = 'x'.repeat(paddingBytes);
        const startMs = performance.now();
        for (let tick = 0; tick < ticks; tick++) {
          const aheadMs = startMs + tick * tickMs - performance.now();
          if (aheadMs > 0) await sleep(aheadMs);
          await publish(streams, eventsPerTick, padding);
        }
      },
    } satisfies FeedServerCommands,
    { url } satisfies FeedServerReady,
  );
}
