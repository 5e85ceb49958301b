import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, type GraphQLError } from 'graphql';
import { Instruments } from '../../kernel/instruments.ts';
import { MappedIterator } from '../../kernel/iterate.ts';
import { type Source, SourceReader } from '../../live/source.ts';
import type { Context } from '../context.ts';
import { Group, type Respond } from './group.ts';
import { SharedResponse } from './response.ts';
import { Results, SharedResults } from './results.ts';
import { sharingKey } from './sharing.ts';
import { SocketMember } from './socket-member.ts';
import type { SocketWriter } from './socket-writer.ts';

/** How subscriptions are delivered. */
export type FanOutOptions = {
  /** Whether viewers who ask the same share one execution; off, each subscription is executed by itself. */
  shared: boolean;
  /** How long the messages of a group may gather before they are written, in milliseconds; 0 writes each event at once. */
  windowMs: number;
};

/** What an event is executed with; a group coerces its variables once. */
export type EventArgs = ExecutionArgs & { coercedValues?: Record<string, unknown> };

/** What the fan-out needs of GraphQL. Errors in what these return are masked already. */
export type Executor = {
  /** Executes the selection of one event: `rootValue` is the event. */
  executeEvent: (args: EventArgs) => ExecutionResult | Promise<ExecutionResult>;
  /** What the client may see of an error. */
  mask: (error: unknown) => GraphQLError;
};

/** Who asks when a group does. */
const NOBODY: Omit<Context, 'services' | 'log'> = { actor: undefined, tokenProblem: undefined, endConnection() {} };

type Shared = { group: Group; reader: SourceReader<unknown> };

/** Starts subscriptions, and finds those that can share their execution (docs/feed-protocol.md, "The fan-out"). */
export class FanOut {
  readonly #groups = new WeakMap<Source<unknown>, Map<string, Group>>();
  /** Events that were executed so far, for a group or for one viewer. */
  executed = 0;
  /** Subscriptions that were opened so far. */
  opened = 0;
  /** Groups there are now. */
  groups = 0;
  /** Of each open subscription, how many items it is behind; 0 where nothing is numbered. */
  readonly #lags = new Set<() => number>();

  constructor(
    private readonly executor: Executor,
    private readonly options: FanOutOptions,
    private readonly instruments = new Instruments(),
  ) {}

  /** Subscriptions that are open now. */
  get open(): number {
    return this.#lags.size;
  }

  /** How many items each open subscription is behind its source. */
  *lags(): Generator<number> {
    for (const lag of this.#lags) yield lag();
  }

  /** Counts a subscription as open until the returned function is called. */
  #count(lag: () => number): () => void {
    this.opened++;
    this.#lags.add(lag);
    return () => this.#lags.delete(lag);
  }

  /**
   * Subscribes a viewer whose `next` messages go to a WebSocket.
   * @returns what graphql-ws iterates; or, when the subscription is refused, the result that says why
   */
  async subscribeSocket(
    args: ExecutionArgs,
    operationId: string,
    writer: SocketWriter,
  ): Promise<Results<unknown> | SocketMember | ExecutionResult> {
    const stream = await this.#open(args);
    if (!isStream(stream)) return stream;
    const shared = this.#share(args, stream);
    if (!shared) return this.#alone(args, stream);
    const member: SocketMember = new SocketMember({
      operationId,
      ...shared,
      writer,
      mask: this.executor.mask,
      onEnded: this.#count(() => member.lag),
    });
    return member;
  }

  /** Subscribes a viewer who takes results one by one, as Server-Sent Events do. */
  async subscribe(args: ExecutionArgs): Promise<AsyncIterableIterator<ExecutionResult> | ExecutionResult> {
    const stream = await this.#open(args);
    if (!isStream(stream)) return stream;
    const shared = this.#share(args, stream);
    if (!shared) return this.#alone(args, stream);
    const results = new SharedResults(shared.group, shared.reader, this.executor.mask);
    results.onEnded = this.#count(() => lagOf(shared.reader));
    return results;
  }

  #alone(args: ExecutionArgs, stream: AsyncIterableIterator<unknown>): Results<unknown> {
    const results = new Results(stream, (rootValue) => this.#execute({ ...args, rootValue }), this.executor.mask);
    const reader = readerOf(stream);
    results.onEnded = this.#count(() => (reader ? lagOf(reader) : 0));
    return results;
  }

  /** A span for each group and event that somebody traces; it belongs to who caused the event. */
  #trace<Result>(item: unknown, execute: () => Result): Result {
    const { tracer } = this.instruments;
    const traceparent = tracer && (item as { traceparent?: string } | null)?.traceparent;
    if (!tracer || !traceparent) return execute();
    const span = tracer.start('deliver to a group', { parent: traceparent });
    try {
      return execute();
    } finally {
      span.end();
    }
  }

  #execute(args: EventArgs): ReturnType<Executor['executeEvent']> {
    this.executed++;
    return this.executor.executeEvent(args);
  }

  /** GraphQL's own first step, for this viewer alone: authorisation, arguments, and the source of events. */
  async #open(args: ExecutionArgs): Promise<AsyncIterableIterator<unknown> | ExecutionResult> {
    const opened = await createSourceEventStream(args);
    if (isStream(opened)) return opened as AsyncIterableIterator<unknown>;
    const { errors } = opened as ExecutionResult;
    return { ...opened, errors: errors?.map(this.executor.mask) } as ExecutionResult;
  }

  #share(args: ExecutionArgs, stream: AsyncIterableIterator<unknown>): Shared | undefined {
    if (!this.options.shared) return undefined;
    const mapped = stream instanceof MappedIterator;
    const reader = readerOf(stream);
    if (!reader) return undefined;
    const sharing = sharingKey(args);
    if (!sharing) return undefined;
    const { key, coercedValues } = sharing;
    const groups = this.#groups.get(reader.source) ?? new Map<string, Group>();
    this.#groups.set(reader.source, groups);
    let group = groups.get(key);
    if (!group) {
      const created = new Group<unknown>(reader.source, {
        respond: this.#responder({ ...args, coercedValues }, mapped ? stream.map : (item) => item),
        windowMs: this.options.windowMs,
        onEmpty: () => {
          if (groups.get(key) !== created) return;
          groups.delete(key);
          this.groups--;
        },
      });
      group = created;
      groups.set(key, group);
      this.groups++;
    }
    return { group, reader };
  }

  /** Executes as nobody in particular: what is public is the same for all, and what is not is not selected. */
  #responder(args: EventArgs, toValue: (item: unknown) => unknown): Respond<unknown> {
    const { services, log } = args.contextValue as Context;
    return (item) => {
      const value = toValue(item);
      if (value === undefined) return undefined;
      const contextValue: Context = { services, log, ...NOBODY };
      const result = this.#trace(item, () => this.#execute({ ...args, rootValue: value, contextValue }));
      return result instanceof Promise
        ? result.then((settled) => new SharedResponse(settled))
        : new SharedResponse(result);
    };
  }
}

function isStream(value: unknown): value is AsyncIterableIterator<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function readerOf(stream: AsyncIterableIterator<unknown>): SourceReader<unknown> | undefined {
  const reader: unknown = stream instanceof MappedIterator ? stream.source : stream;
  return reader instanceof SourceReader ? reader : undefined;
}

function lagOf({ source, nextSeq }: SourceReader<unknown>): number {
  return Math.max(Number(source.head + 1n - nextSeq), 0);
}
