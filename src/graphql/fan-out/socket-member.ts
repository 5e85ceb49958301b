import type { Source, SourceReader } from '../../live/source.ts';
import { encodeFrames, nextPrefix } from './frames.ts';
import { type Group, type GroupMember, MESSAGES_PER_WRITE_MAX } from './group.ts';
import type { SocketWriter } from './socket-writer.ts';

/** What a member is made of. */
export type SocketMemberOptions<Item> = {
  /** The client's id of the operation. */
  operationId: string;
  group: Group<Item>;
  /** Holds the viewer's place until the member begins, and is told when it is too slow. */
  reader: SourceReader<Item>;
  writer: SocketWriter;
  /** What the client may see of an error that ends the subscription. */
  mask: (error: unknown) => Error;
  /** Called once, when it has ended. */
  onEnded?: () => void;
};

/**
 * One viewer's subscription on a WebSocket, as a member of a group. To graphql-ws it is a generator that yields nothing and
 * ends with the subscription, so that `complete` and `error` stay graphql-ws's; the `next` messages it writes itself.
 *
 * It owns one position. States: reading the past (pages from Postgres, before the ring) → live (from the ring) → ended. Live,
 * it is flushed by its group; while its socket is blocked it waits for that alone, and the ring may pass it.
 */
export class SocketMember<Item = unknown> implements AsyncGenerator<never, undefined, undefined>, GroupMember {
  readonly #prefix: Buffer;
  readonly #ended: Promise<IteratorResult<never, undefined>>;
  #end!: { resolve: (end: IteratorResult<never, undefined>) => void; reject: (error: unknown) => void };
  #nextSeq: bigint;
  #state: 'opened' | 'past' | 'live' | 'ended' = 'opened';
  /** Waits for a page or an execution; until then a flush does nothing. */
  #isWaiting = false;

  constructor(private readonly options: SocketMemberOptions<Item>) {
    this.#prefix = nextPrefix(options.operationId);
    this.#nextSeq = options.reader.nextSeq;
    this.#ended = new Promise((resolve, reject) => {
      this.#end = { resolve, reject };
    });
  }

  /** Items that it has not written yet. */
  get lag(): number {
    return Math.max(Number(this.options.group.source.head + 1n - this.#nextSeq), 0);
  }

  /** Called once by graphql-ws, as soon as it has registered the subscription. Settles when the subscription ends. */
  next(): Promise<IteratorResult<never, undefined>> {
    if (this.#state === 'opened') {
      this.#state = 'past';
      this.options.group.join(this);
      this.flush();
    }
    return this.#ended;
  }

  return(): Promise<IteratorResult<never, undefined>> {
    this.#leave();
    this.#end.resolve({ done: true, value: undefined });
    return this.#ended;
  }

  async throw(error: unknown): Promise<IteratorResult<never, undefined>> {
    await this.return();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Writes what is due, as far as the socket takes it. */
  readonly flush = (): void => {
    const { source } = this.options.group;
    while (this.#state !== 'ended' && !this.#isWaiting) {
      if (this.#nextSeq > source.head) {
        this.#state = 'live';
        return;
      }
      if (this.#nextSeq < source.first && !this.#reach(source)) return;
      this.#state = 'live';
      if (this.options.writer.isBlocked) {
        this.options.writer.whenWritable(this.flush);
        return;
      }
      const due = this.options.group.due(this.#nextSeq);
      if (due instanceof Promise) {
        this.#waitFor(due);
        return;
      }
      if (due.payloads.length > 0) this.options.writer.write(encodeFrames(this.#prefix, due.payloads));
      this.#nextSeq = due.nextSeq;
    }
  };

  /** Deals with a position that is no longer at hand. Returns whether the member can go on now. */
  #reach(source: Source<Item>): boolean {
    if (!source.past) {
      this.#nextSeq = source.first;
      return true;
    }
    if (this.#state === 'live') this.#lap();
    else this.#waitFor(this.#writePast(source.past(this.#nextSeq)));
    return false;
  }

  async #writePast(page: ReturnType<NonNullable<Source<Item>['past']>>): Promise<void> {
    const events = await page;
    for (let start = 0; start < events.length && this.#state !== 'ended'; start += MESSAGES_PER_WRITE_MAX) {
      await this.#writeEvents(events.slice(start, start + MESSAGES_PER_WRITE_MAX));
    }
  }

  async #writeEvents(events: readonly (Item & { seq: bigint })[]): Promise<void> {
    const payloads: Buffer[] = [];
    for (const event of events) {
      const response = await this.options.group.responseTo(event.seq, event);
      if (response) payloads.push(response.payload);
    }
    if (this.options.writer.isBlocked) await new Promise<void>((resolve) => this.options.writer.whenWritable(resolve));
    if (this.#state === 'ended') return;
    if (payloads.length > 0) this.options.writer.write(encodeFrames(this.#prefix, payloads));
    this.#nextSeq = events.at(-1)!.seq + 1n;
  }

  #waitFor(work: Promise<unknown>): void {
    this.#isWaiting = true;
    work.then(
      () => {
        this.#isWaiting = false;
        this.flush();
      },
      (error: unknown) => {
        this.#leave();
        this.#end.reject(this.options.mask(error));
      },
    );
  }

  #lap(): void {
    this.options.reader.lap();
    this.#leave();
  }

  #leave(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.options.group.leave(this);
    this.options.onEnded?.();
    void this.options.reader.return();
  }
}
