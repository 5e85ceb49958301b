import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import DataLoader from '../../db/loader.ts';
import { brokeConstraint, classifyBatchError } from '../../db/sql-errors.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import { GroupCommit } from '../../kernel/group-commit.ts';
import type { Watch } from '../../live/hub.ts';
import { LatestValues } from '../../live/latest.ts';
import type { Live } from '../../live/live.ts';
import type { LiveEventDraft } from '../../live/live-event.ts';
import { appendEvents, beginLog, lockLogs, type Page, type PageRequest, readPages } from '../../live/live-log.ts';
import type { SourceReader } from '../../live/source.ts';
import { topics } from '../../live/topics.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { ensureCreator } from '../creators/creators.api.ts';
import { endStreaks } from '../gifts/gifts.api.ts';
import { refusalError } from '../moderation/moderation.api.ts';
import { endOffersOf, lockOffersOf } from '../offers/offers.api.ts';
import type { Wallets } from '../wallet/wallet.api.ts';
import { Chat, type ChatOptions } from './chat.ts';
import { type LikesValue, Pulses, type PulseValue } from './pulse.ts';
import { StreamReads } from './stream-reads.ts';
import type { StreamEnding, WatchHook, Watching } from './streams.api.ts';
import { StreamAlreadyLiveError, StreamNotLiveError } from './streams.errors.ts';
import { type ChatMessageEvent, streamEvents } from './streams.events.ts';
import {
  type AddedLikes,
  addLikes,
  findLiveStreamOf,
  findStream,
  insertStream,
  type LikesDraft,
  markEnded,
  readLikes,
} from './streams.repo.ts';
import { STREAM_TRANSITIONS } from './streams.state.ts';

/** Likes that one call may bring. */
export const LIKES_PER_CALL_MAX = 100;
/** Characters of a chat message. */
export const CHAT_TEXT_LENGTH_MAX = 200;
/** Characters of a stream's title. */
export const TITLE_LENGTH_MAX = 140;
/** Calls of sendLikes that may wait, and that one statement adds. */
const LIKES_QUEUE_MAX = 20_000;
const LIKES_BATCH_MAX = 2_000;
const LIKES_ATTEMPTS_MAX = 3;
const RETRY_AFTER_MS = 500;
/** Pages of logs that one statement reads. */
const PAGES_PER_READ_MAX = 100;

/** What becomes of likes: the stream's total; or why the viewer may not like there; undefined: the stream is not live. */
type LikesOutcome = bigint | AddedLikes['refused'][number]['refusal'] | undefined;

type Deps = {
  db: Database;
  live: Live;
  wallets: Wallets;
  log: Logger;
  /** What else ends with a stream, in the lock order. Filled before the first request. */
  endings: readonly StreamEnding[];
  /** Who else hears of those who watch, and may refuse them. Filled before the first request. */
  watchHooks: readonly WatchHook[];
};

/** Live sessions: going on and off air, chat, likes, and the ways to watch. */
export class Streams {
  /** What everybody sees of streams. */
  readonly reads: StreamReads;
  readonly #chat: Chat;
  readonly #likes: GroupCommit<LikesDraft, LikesOutcome>;
  readonly #latestLikes: LatestValues<LikesValue>;
  readonly #pulses: Pulses;
  readonly #pages: DataLoader<PageRequest, Page>;

  constructor(
    private readonly deps: Deps,
    options: { pulseIntervalMs?: number; chat?: ChatOptions } = {},
  ) {
    this.reads = new StreamReads(deps.db, deps.live.changes);
    this.#latestLikes = new LatestValues(
      'likes',
      async (streamIds) => toLikesValues(await readLikes(deps.db.pool, streamIds)),
      { bus: deps.live.bus, log: deps.log },
    );
    this.#pulses = new Pulses(
      {
        presence: deps.live.presence,
        likes: this.#latestLikes,
        readLikes: async (streamId) => Number((await readLikes(deps.db.pool, [streamId])).get(streamId) ?? 0n),
        log: deps.log,
      },
      options.pulseIntervalMs,
    );
    this.#pages = new DataLoader((requests) => readPages(deps.db.pool, requests), {
      cache: false,
      maxBatchSize: PAGES_PER_READ_MAX,
    });
    this.#chat = new Chat(deps, options.chat);
    this.#likes = new GroupCommit({
      watched: { name: 'likes', instruments: this.deps.db.instruments },
      commit: (batch) => this.#commitLikes(batch),
      batchMax: LIKES_BATCH_MAX,
      queueMax: LIKES_QUEUE_MAX,
      retryAfterMs: RETRY_AFTER_MS,
      attemptsMax: LIKES_ATTEMPTS_MAX,
      classify: classifyBatchError,
    });
  }

  /**
   * Goes live. The viewer's first stream makes them a creator.
   * @returns the stream's id
   * @throws {StreamAlreadyLiveError} when another stream of theirs is live
   */
  async start(actor: Actor, title: string): Promise<bigint> {
    const { db, live, wallets } = this.deps;
    try {
      const { streamId, events, changed } = await db.inTransaction(async (sql) => {
        const { creatorId, isNew } = await ensureCreator(sql, actor.id);
        const terms = await wallets.termsOf(sql, creatorId);
        const streamId = await insertStream(sql, { creatorId, title, terms });
        await beginLog(sql, streamId);
        const events = await appendEvents(sql, [streamEvents.started(streamId, title)]);
        const changed = [...changedOnAir(streamId, creatorId), ...(isNew ? [topics.creators] : [])];
        return { streamId, events, changed };
      });
      live.changes.announce(changed);
      live.announce(events);
      return streamId;
    } catch (error) {
      if (!brokeConstraint(error, 'stream_one_live_per_creator')) throw error;
      const streamId = await findLiveStreamOf(db.pool, actor.id);
      if (streamId === undefined) throw error;
      throw new StreamAlreadyLiveError(streamId);
    }
  }

  /**
   * Goes off air: closes open streaks, ends its offers and whatever else runs in it (`StreamEnding`), then the stream. Ending an ended stream changes nothing.
   * @throws {NotFoundError} no such stream
   * @throws {ForbiddenError} it is somebody else's
   */
  async end(actor: Actor, streamId: bigint): Promise<{ replayed: boolean }> {
    const { db, live, endings } = this.deps;
    const { events, changed, committed } = await db.inTransaction(async (sql) => {
      await lockOffersOf(sql, streamId); // before the log, as the lock order says
      const logs = [streamId];
      for (const ending of endings) logs.push(...((await ending.lock?.(sql, streamId)) ?? []));
      await lockLogs(sql, logs);

      const stream = await findStream(sql, streamId);
      if (!stream) throw new NotFoundError('stream');
      if (stream.viewerId !== actor.id) throw new ForbiddenError('Only its creator can end a stream.');
      if (!STREAM_TRANSITIONS[stream.status].includes('ENDED')) return { events: [], changed: [], committed: [] };
      await markEnded(sql, streamId);
      const drafts: LiveEventDraft[] = [...(await endStreaks(sql, [streamId])), ...(await endOffersOf(sql, streamId))];
      const committed: (() => void)[] = [];
      for (const ending of endings) {
        const ended = await ending.end(sql, streamId);
        drafts.push(...ended.drafts);
        if (ended.committed) committed.push(ended.committed);
      }
      drafts.push(streamEvents.ended(streamId));
      const changed = [...changedOnAir(streamId, stream.creatorId), topics.showcase(streamId)];
      return { events: await appendEvents(sql, drafts), changed, committed };
    });
    if (changed.length > 0) live.changes.announce(changed);
    live.announce(events);
    for (const tell of committed) tell();
    return { replayed: events.length === 0 };
  }

  /**
   * Says something in a live stream, once per key.
   * @throws {NotFoundError} no such stream
   * @throws {StreamNotLiveError}
   * @throws {IdempotencyConflictError}
   * @throws {MutedError}
   * @throws {BannedError}
   * @throws {SlowModeError}
   * @throws {BlockedWordsError}
   * @throws {OverloadedError}
   */
  chat(
    actor: Actor,
    message: { streamId: bigint; text: string; idempotencyKey: string },
  ): Promise<{ event: ChatMessageEvent; replayed: boolean }> {
    const sender = { id: Number(actor.id), handle: actor.handle, displayName: actor.displayName };
    return this.#chat.say({ viewerId: actor.id, sender, ...message });
  }

  /**
   * Adds likes. Calls are coalesced: many become one statement.
   * @returns the stream's total
   * @throws {NotFoundError} no such stream
   * @throws {StreamNotLiveError}
   * @throws {MutedError}
   * @throws {BannedError}
   * @throws {OverloadedError}
   */
  async like(actor: Actor, streamId: bigint, count: number): Promise<bigint> {
    const outcome = await this.#likes.submit({ streamId, viewerId: actor.id, count: BigInt(count) });
    if (typeof outcome === 'bigint') return outcome;
    if (outcome) throw refusalError(outcome);
    if (await findStream(this.deps.db.pool, streamId)) throw new StreamNotLiveError();
    throw new NotFoundError('stream');
  }

  /**
   * A page of a stream's log. Pages asked for at once are read together.
   * @param page.after a cursor; '' for the log's beginning
   * @throws {InvalidCursorError}
   */
  page(streamId: bigint, page: { after: string | undefined; limit: number }): Promise<Page> {
    return this.#pages.load({ streamId, ...page });
  }

  /**
   * Watches a stream's log from a cursor on, and counts as a viewer meanwhile.
   * @throws {NotFoundError} no such stream
   * @throws {InvalidCursorError}
   * @throws {BannedError} and what else the hooks refuse with
   */
  async watchEvents(watching: Watching, options: { after: string | undefined; onLapped: () => void }): Promise<Watch> {
    const { streamId } = watching;
    const leaves = [this.deps.live.presence.enter(streamId)];
    const leave = () => {
      for (const each of leaves.splice(0)) each();
    };
    try {
      for (const hook of this.deps.watchHooks) leaves.push(await hook(watching));
      return await this.deps.live.hub.watch(streamId, { ...options, onEnded: leave });
    } catch (error) {
      leave();
      throw error;
    }
  }

  /**
   * Watches a stream's counters.
   * @throws {NotFoundError} no such stream
   */
  async watchPulse(streamId: bigint): Promise<SourceReader<PulseValue>> {
    if (!(await findStream(this.deps.db.pool, streamId))) throw new NotFoundError('stream');
    return this.#pulses.watch(streamId);
  }

  /** Commits what is queued, then stops the timers. */
  async close(): Promise<void> {
    await Promise.all([this.#chat.close(), this.#likes.close()]);
    this.#pulses.close();
    await this.#latestLikes.close();
  }

  async #commitLikes(batch: readonly LikesDraft[]): Promise<LikesOutcome[]> {
    const sums = new Map<string, LikesDraft>();
    for (const draft of batch) {
      const known = sums.get(pairOf(draft));
      sums.set(pairOf(draft), { ...draft, count: draft.count + (known?.count ?? 0n) });
    }
    const { totals, refused } = await addLikes(this.deps.db.pool, [...sums.values()]);
    this.#latestLikes.announce(toLikesValues(totals));
    const refusals = new Map(refused.map((one) => [pairOf(one), one.refusal]));
    return batch.map((draft) => refusals.get(pairOf(draft)) ?? totals.get(draft.streamId));
  }
}

function pairOf({ streamId, viewerId }: { streamId: bigint; viewerId: bigint }): string {
  return `${streamId}:${viewerId}`;
}

/** What changes when a stream starts or ends. */
function changedOnAir(streamId: bigint, creatorId: bigint): string[] {
  return [topics.liveStreams, topics.stream(streamId), topics.onAir(creatorId)];
}

function toLikesValues(totals: ReadonlyMap<bigint, bigint>): Map<bigint, LikesValue> {
  return new Map([...totals].map(([streamId, likes]) => [streamId, { version: Number(likes) }]));
}
