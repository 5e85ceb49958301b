import type { Source } from '../../live/source.ts';
import type { SharedResponse } from './response.ts';

/** Bytes of responses that a group keeps for those who are behind: some hundred, for all who reconnect after an outage. */
export const RESPONSE_BYTES_KEPT_MAX = 256 * 1024;
/** What a response costs besides its bytes. */
const RESPONSE_BYTES_MIN = 200;
/** Messages in one write; who is further behind gets several. */
export const MESSAGES_PER_WRITE_MAX = 64;

/** Who takes what is due when the group says so. */
export type GroupMember = { flush: () => void };

/** Messages that are due, and the seq that comes behind them. */
export type Due = { payloads: readonly Buffer[]; nextSeq: bigint };

/** Executes the selection for an item; undefined when the members did not ask for its kind. */
export type Respond<Item> = (item: Item) => Response;
type Response = SharedResponse | undefined | Promise<SharedResponse | undefined>;

/**
 * Readers of one source who asked the same (docs/feed-protocol.md, "The fan-out"). Executes an item when the first of them
 * needs it, and decides when they write: at once after a pause, else once a window.
 */
export class Group<Item = unknown> {
  readonly #members = new Set<GroupMember>();
  readonly #responses = new Map<bigint, Response>();
  #keptBytes = 0;
  /** What the members who have read everything so far get next: nearly all of them ask for the same. */
  #due: (Due & { fromSeq: bigint; head: bigint }) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #flushedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    readonly source: Source<Item>,
    private readonly options: { respond: Respond<Item>; windowMs: number; onEmpty: () => void },
  ) {}

  join(member: GroupMember): void {
    if (this.#members.size === 0) this.source.listeners.add(this.#onNews);
    this.#members.add(member);
  }

  /** Also for one that was to join and never did: a group without members is forgotten. */
  leave(member: GroupMember): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    this.source.listeners.delete(this.#onNews);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.options.onEmpty();
  }

  /** The response to the item with this number, executed now unless somebody has asked before. */
  responseTo(seq: bigint, item: Item): Response {
    if (!this.source.isSame(item)) return this.options.respond(item);
    if (this.#responses.has(seq)) return this.#responses.get(seq);
    const response = this.options.respond(item);
    if (response instanceof Promise) {
      this.#responses.set(seq, response);
      response.then(
        (settled) => this.#keep(seq, settled),
        () => this.#responses.delete(seq),
      );
    } else {
      this.#keep(seq, response);
    }
    return response;
  }

  #keep(seq: bigint, response: SharedResponse | undefined): void {
    this.#responses.set(seq, response);
    this.#keptBytes += bytesOf(response);
    for (const [oldest, dropped] of this.#responses) {
      if (this.#keptBytes <= RESPONSE_BYTES_KEPT_MAX || dropped instanceof Promise) break;
      this.#keptBytes -= bytesOf(dropped);
      this.#responses.delete(oldest);
    }
  }

  /**
   * What is due from a number on that the source has at hand; a promise when the first of it is still being executed.
   * There may be more behind it, and there may be no message in it: not every item has a response.
   */
  due(fromSeq: bigint): Due | Promise<unknown> {
    const { head } = this.source;
    if (this.#due?.fromSeq === fromSeq && this.#due.head === head) return this.#due;
    const payloads: Buffer[] = [];
    let seq = fromSeq;
    for (; seq <= head && payloads.length < MESSAGES_PER_WRITE_MAX; seq++) {
      const response = this.responseTo(seq, this.source.at(seq)!);
      if (response instanceof Promise) {
        if (seq === fromSeq) return response;
        return { payloads, nextSeq: seq };
      }
      if (response) payloads.push(response.payload);
    }
    this.#due = { fromSeq, head, payloads, nextSeq: seq };
    return this.#due;
  }

  readonly #onNews = (): void => {
    if (this.#timer) return;
    const waitMs = this.#flushedAtMs + this.options.windowMs - performance.now();
    if (waitMs <= 0) this.#flush();
    else this.#timer = setTimeout(this.#flush, waitMs);
  };

  readonly #flush = (): void => {
    this.#timer = undefined;
    this.#flushedAtMs = performance.now();
    for (const member of this.#members) member.flush();
  };
}

function bytesOf(response: SharedResponse | undefined): number {
  return RESPONSE_BYTES_MIN + (response?.payload.length ?? 0);
}
