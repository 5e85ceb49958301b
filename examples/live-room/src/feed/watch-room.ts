import type { Client, CombinedError } from 'urql';
import { BoardsDocument, FeedDocument, HistoryDocument, RoomDocument, type RoomQuery } from '../generated/graphql.ts';
import type { RoomAction } from './room-state.ts';
import type { FeedEvent } from './types.ts';

/** Events that whoever joins is shown of what was before. */
const HISTORY_EVENTS = 40;
/** How often at the most it is asked for what no event says. */
const BOARDS_INTERVAL_MS = 2_000;
/** The pause before a room is entered again after it could not be watched; it doubles up to the longest. */
const RETRY_WAIT_MS_MIN = 500;
const RETRY_WAIT_MS_MAX = 8_000;
/** So often a first entry is tried before it is said. */
const ENTRIES_MAX = 4;

/** After these, goals and boards are no longer what they were. */
const MOVES_BOARDS = new Set<FeedEvent['__typename']>([
  'GiftSent',
  'GiftReversed',
  'ProductPurchased',
  'GoalStarted',
  'LevelEnded',
]);

/** Who hears what becomes of a room. */
type Listener = {
  dispatch: (action: RoomAction) => void;
  onRoom: (room: RoomQuery) => void;
  onRefused: (refusal: 'missing' | 'failed' | 'banned') => void;
};

/**
 * Enters a room and follows it until the returned function is called: history first, then the state, then the events behind
 * the history. So nothing falls between, and what comes twice is recognised by its number.
 */
export function watchRoom(client: Client, streamId: string, listener: Listener): () => void {
  const watch = new RoomWatch(client, streamId, listener);
  void watch.enter();
  return () => watch.leave();
}

class RoomWatch {
  #left = false;
  #entries = 0;
  #entered = false;
  #timers = new Set<ReturnType<typeof setTimeout>>();
  #boardsDue = false;
  #unsubscribe: (() => void) | undefined;

  constructor(
    private readonly client: Client,
    private readonly streamId: string,
    private readonly listener: Listener,
  ) {}

  async enter(): Promise<void> {
    const { client, streamId, listener } = this;
    const asked = { requestPolicy: 'network-only' as const };
    const history = await client.query(HistoryDocument, { streamId, last: HISTORY_EVENTS }, asked).toPromise();
    const room = await client.query(RoomDocument, { streamId }, asked).toPromise();
    if (this.#left) return;
    const error = history.error ?? room.error;
    if (error || !history.data || !room.data) {
      this.#failed(error);
      return;
    }
    if (!history.data.liveStream || !room.data.liveStream) {
      listener.onRefused('missing');
      return;
    }
    const { edges } = history.data.liveStream.events;
    listener.onRoom(room.data);
    listener.dispatch({ type: 'entered', room: room.data.liveStream, history: edges.map(({ node }) => node) });
    this.#entered = true;
    this.#entries = 0;
    this.#follow(edges.at(-1)?.cursor ?? '');
  }

  leave(): void {
    this.#left = true;
    this.#unsubscribe?.();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #follow(after: string): void {
    const { unsubscribe } = this.client
      .subscription(FeedDocument, { streamId: this.streamId, after })
      .subscribe(({ data, error }) => {
        if (this.#left) return;
        if (data) this.#happened(data.liveEvents.node);
        // Whatever the reason, such as a log that is another one by now: what is shown is made anew.
        else if (error) this.#failed(error);
      });
    this.#unsubscribe = unsubscribe;
  }

  #happened(event: FeedEvent): void {
    this.listener.dispatch({ type: 'happened', event });
    if (event.__typename === 'ResyncRequired') void this.#reload();
    if (MOVES_BOARDS.has(event.__typename)) this.#boardsSoon();
  }

  /** After pruned history: what is shown may be stale, what follows has no further gap. */
  async #reload(): Promise<void> {
    const { data } = await this.client
      .query(RoomDocument, { streamId: this.streamId }, { requestPolicy: 'network-only' })
      .toPromise();
    if (this.#left) return;
    if (data?.liveStream) this.listener.dispatch({ type: 'reloaded', room: data.liveStream });
    else this.#later(RETRY_WAIT_MS_MIN, () => this.#reload());
  }

  #boardsSoon(): void {
    if (this.#boardsDue) return;
    this.#boardsDue = true;
    this.#later(BOARDS_INTERVAL_MS, async () => {
      this.#boardsDue = false;
      const { data } = await this.client
        .query(BoardsDocument, { streamId: this.streamId }, { requestPolicy: 'network-only' })
        .toPromise();
      if (!this.#left && data?.liveStream) this.listener.dispatch({ type: 'boards', boards: data.liveStream });
    });
  }

  #failed(error: CombinedError | undefined): void {
    this.#unsubscribe?.();
    const refusal = this.#refusalOf(error);
    if (refusal) {
      this.listener.onRefused(refusal);
      return;
    }
    const wait = Math.min(RETRY_WAIT_MS_MAX, RETRY_WAIT_MS_MIN * 2 ** Math.min(this.#entries, 10));
    this.#later(wait, () => this.enter());
  }

  /** Undefined: it is worth another try. */
  #refusalOf(error: CombinedError | undefined): 'missing' | 'failed' | 'banned' | undefined {
    const codes = error?.graphQLErrors.map(({ extensions }) => extensions.code) ?? [];
    if (codes.includes('NOT_FOUND')) return 'missing';
    if (codes.includes('BANNED')) return 'banned';
    this.#entries++;
    return !this.#entered && this.#entries >= ENTRIES_MAX ? 'failed' : undefined;
  }

  #later(waitMs: number, work: () => Promise<void>): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void work();
    }, waitMs);
    this.#timers.add(timer);
  }
}
