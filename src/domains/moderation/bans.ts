import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import DataLoader from '../../db/loader.ts';
import { every, FAILED, type Periodic } from '../../kernel/every.ts';
import type { Bus } from '../../live/bus.ts';
import { channels } from '../../live/channels.ts';
import type { WatchHook, Watching } from '../streams/streams.api.ts';
import { type Place, readBansAt, readPlatformBanOf, readPlatformBans } from './bans.repo.ts';
import { BannedError } from './moderation.errors.ts';
import { EVERYWHERE, type SqlEnd, toEnd } from './restrictions.repo.ts';

/**
 * How often a server compares who is connected with the bans in the database: the longest that a ban takes to end what is open
 * when the bus has lost its message. Well under the 30 seconds that are promised.
 */
export const BAN_CHECK_INTERVAL_MS = 10_000;
/** Watches that one statement looks at. */
const PLACES_PER_READ_MAX = 500;
const REASON = 'You may not watch this: you are banned';

/** What of a viewer is open: a connection, or a watch of one creator's stream. */
type Open = { streamId: bigint | undefined; end: (reason: string) => void };

/**
 * Ends what banned viewers have open, and refuses them what they open anew. Each server knows what its viewers have open; it hears
 * of a ban over the bus, and looks for itself at an interval. All of it by the database's clock.
 */
export class Bans {
  readonly #open = new Map<bigint, Set<Open>>();
  /** Viewers who are banned from the whole platform, as far as this server knows. */
  #everywhere = new Map<bigint, Date | number>();
  /** Of whom news came while all bans were being read: that read may be of before. */
  #newsWhileReading: Set<bigint> | undefined;
  readonly #lookUp: DataLoader<Place, SqlEnd>;
  readonly #subscription: Promise<(() => Promise<void>) | undefined>;
  #first: Promise<void> | undefined;
  #checking: Periodic | undefined;

  constructor(
    private readonly deps: { db: Database; bus: Bus; log: Logger },
    private readonly intervalMs: number = BAN_CHECK_INTERVAL_MS,
  ) {
    this.#lookUp = new DataLoader((places) => readBansAt(deps.db.pool, places), {
      cache: false,
      maxBatchSize: PLACES_PER_READ_MAX,
    });
    this.#subscription = deps.bus
      .subscribe(channels.bans(), (message) => {
        const [viewerId, creatorId] = message.split(':') as [string, string];
        void this.#hear(BigInt(viewerId), BigInt(creatorId));
      })
      .catch((error: unknown) => {
        deps.log.warn({ err: error }, 'bans cannot be heard; they are looked for at an interval');
        return undefined;
      });
  }

  /** Viewers who have anything open on this server. */
  get present(): number {
    return this.#open.size;
  }

  /** Starts to look for bans. */
  start(): void {
    this.#first = this.#check().then(() => undefined);
    this.#checking = every(this.intervalMs, () => this.#check(), this.deps.db.instruments.meters.sweeps.of('bans'));
  }

  async close(): Promise<void> {
    await this.#checking?.stop();
    await this.#first;
    await (await this.#subscription)?.();
  }

  /**
   * The ban that keeps a viewer from the whole platform, as this server knows it: no read, and so a moment late on other servers.
   * What moves coins and chat is judged by the database as well.
   */
  platformBanOf(viewerId: bigint): BannedError | undefined {
    const until = this.#everywhere.get(viewerId);
    return until === undefined ? undefined : new BannedError(toEnd(until)!.until);
  }

  /**
   * Notes a connection of a viewer: a ban from the whole platform ends it.
   * @returns what is to be called once when it is closed
   */
  connected(viewerId: bigint, end: (reason: string) => void): () => void {
    return this.#enter(viewerId, { streamId: undefined, end });
  }

  /** Refuses banned viewers, and ends the watches of those who are banned later. Who is not signed in cannot be banned. */
  readonly watchHook: WatchHook = async ({ streamId, viewerId, end }: Watching) => {
    if (viewerId === undefined) return () => undefined;
    // Entered before it is looked up: a ban that comes in between ends it.
    const leave = this.#enter(viewerId, { streamId, end });
    try {
      const banned = toEnd(await this.#lookUp.load({ streamId, viewerId }));
      if (banned) throw new BannedError(banned.until);
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  };

  /** Tells all servers that a viewer's ban has changed, once that is committed. This one has acted when it resolves. */
  async announce(viewerId: bigint, creatorId: bigint): Promise<void> {
    await this.#hear(viewerId, creatorId);
    if (this.deps.bus.isLocal) return;
    this.deps.bus.publish(channels.bans(), `${viewerId}:${creatorId}`).catch((error: unknown) => {
      this.deps.log.warn({ err: error }, 'announcing a ban failed; other servers look for it at an interval');
    });
  }

  #enter(viewerId: bigint, open: Open): () => void {
    const all = this.#open.get(viewerId) ?? new Set();
    this.#open.set(viewerId, all.add(open));
    return () => {
      all.delete(open);
      if (all.size === 0 && this.#open.get(viewerId) === all) this.#open.delete(viewerId);
    };
  }

  async #hear(viewerId: bigint, creatorId: bigint): Promise<void> {
    try {
      if (creatorId === EVERYWHERE) await this.#readPlatformBan(viewerId);
      await this.#endBanned([viewerId]);
    } catch (error) {
      this.deps.log.warn({ err: error }, 'reading a ban failed; it is looked for at an interval');
    }
  }

  async #readPlatformBan(viewerId: bigint): Promise<void> {
    this.#newsWhileReading?.add(viewerId);
    const ban = await readPlatformBanOf(this.deps.db.pool, viewerId);
    if (ban) this.#everywhere.set(viewerId, ban.bannedUntil);
    else this.#everywhere.delete(viewerId);
  }

  async #check(): Promise<unknown> {
    try {
      const news = new Set<bigint>();
      this.#newsWhileReading = news;
      const everywhere = await readPlatformBans(this.deps.db.pool);
      this.#newsWhileReading = undefined;
      this.#everywhere = new Map(everywhere.map(({ viewerId, bannedUntil }) => [viewerId, bannedUntil]));
      for (const viewerId of news) await this.#readPlatformBan(viewerId);
      await this.#endBanned(this.#open.keys());
    } catch (error) {
      this.deps.log.warn({ err: error }, 'looking for bans failed; the next look tries again');
      return FAILED;
    }
  }

  /** Ends what those of the viewers have open who are banned. */
  async #endBanned(viewerIds: Iterable<bigint>): Promise<void> {
    const watches: (Place & { end: Open['end'] })[] = [];
    for (const viewerId of viewerIds) {
      const isBannedEverywhere = this.#everywhere.has(viewerId);
      for (const { streamId, end } of this.#open.get(viewerId) ?? []) {
        if (isBannedEverywhere) end(REASON);
        else if (streamId !== undefined) watches.push({ streamId, viewerId, end });
      }
    }
    for (let start = 0; start < watches.length; start += PLACES_PER_READ_MAX) {
      const page = watches.slice(start, start + PLACES_PER_READ_MAX);
      const ends = await readBansAt(this.deps.db.pool, page);
      page.forEach(({ end }, index) => {
        if (ends[index] !== null) end(REASON);
      });
    }
  }
}
