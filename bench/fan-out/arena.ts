import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from '../lib/child.ts';
import type { Usage } from '../lib/commands.ts';
import type { Arrivals, ConnectOptions, ViewerCommands } from '../load/viewers.api.ts';
import type { FeedServerCommands, FeedServerReady, PublishPlan } from './publish.ts';

/** A server under test. */
export type FeedServer = Child<FeedServerCommands, FeedServerReady>;
/** A process with viewers. */
export type ViewersProcess = Child<ViewerCommands>;

/** What one round has shown. */
export type Delivery = {
  /** CPU time of the server, all of it, per event that reached a viewer. */
  serverUsPerDelivery: number;
  deliveriesPerCpuSecond: number;
  /** Share of one core that the viewers' process used. */
  clientCpuShare: number;
  p50Ms: number;
  p99Ms: number;
  lost: number;
  doubled: number;
};

/** How long events may take to arrive once all are published. Slow servers build up a queue. */
const ARRIVE_MS_MAX = 60_000;
const PROBE_MS = 200;
const PROBES_MAX = 300;
const SETTLE_MS = 300;

/** A server and its viewers, ready to be measured again and again. */
export class Arena {
  private constructor(
    readonly server: FeedServer,
    readonly viewers: ViewersProcess,
    private readonly options: Omit<ConnectOptions, 'url'>,
  ) {}

  /** Connects the viewers, and waits until the feed of each is live. Stops both processes if that fails. */
  static async open(
    server: FeedServer,
    options: Omit<ConnectOptions, 'url'>,
    signal: AbortSignal,
    viewersProcess?: ViewersProcess,
  ): Promise<Arena> {
    let viewers: ViewersProcess | undefined;
    try {
      viewers = viewersProcess ?? (await startViewers(signal));
      await viewers.call('connect', { ...options, url: server.ready.url });
      const arena = new Arena(server, viewers, options);
      await arena.untilLive();
      return arena;
    } catch (error) {
      await Promise.all([server.stop(), viewers?.stop()]);
      throw error;
    }
  }

  /** Publishes until everybody has got something: a subscription is not acknowledged, so this is how to know that it stands. */
  async untilLive(): Promise<void> {
    const { streams, viewers } = this.options;
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      await this.server.call('publish', { streams, ticks: 1, tickMs: 0, eventsPerTick: 1 });
      await sleep(PROBE_MS);
      if ((await this.viewers.call('live')) >= viewers) {
        await sleep(SETTLE_MS);
        return;
      }
    }
    throw new Error(`only ${await this.viewers.call('live')} of ${viewers} viewers get events`);
  }

  /**
   * Publishes to all streams and waits until every viewer has got everything.
   * @throws when not everything arrives
   */
  async measure(plan: Omit<PublishPlan, 'streams'>): Promise<Delivery> {
    const { streams, viewers } = this.options;
    const events = plan.ticks * plan.eventsPerTick * viewers;
    await this.viewers.call('reset');
    await Promise.all([this.server.call('begin'), this.viewers.call('begin')]);
    await this.server.call('publish', { ...plan, streams });
    const arrivals = await this.viewers.call('until', { events, msMax: ARRIVE_MS_MAX });
    const [usage, clientUsage] = await Promise.all([this.server.call('end'), this.viewers.call('end')]);
    if (arrivals.events !== events || arrivals.viewerEventsMin !== arrivals.viewerEventsMax) {
      throw new Error(`${arrivals.events} of ${events} events arrived: ${JSON.stringify(arrivals)}`);
    }
    return toDelivery(arrivals, usage, clientUsage);
  }

  async close(): Promise<void> {
    await Promise.all([this.viewers.stop(), this.server.stop()]);
  }
}

/** Starts a process for viewers. */
export function startViewers(signal: AbortSignal): Promise<ViewersProcess> {
  return startChild<ViewerCommands>(new URL('../load/viewers.ts', import.meta.url), { signal });
}

function toDelivery(arrivals: Arrivals, usage: Usage, clientUsage: Usage): Delivery {
  const cpuMs = usage.userMs + usage.systemMs;
  return {
    serverUsPerDelivery: (cpuMs * 1000) / arrivals.events,
    deliveriesPerCpuSecond: (arrivals.events * 1000) / cpuMs,
    clientCpuShare: (clientUsage.userMs + clientUsage.systemMs) / clientUsage.wallMs,
    p50Ms: arrivals.p50Ms,
    p99Ms: arrivals.p99Ms,
    lost: arrivals.lost,
    doubled: arrivals.doubled,
  };
}
