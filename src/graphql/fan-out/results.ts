import type { ExecutionResult } from 'graphql';
import { MappedIterator } from '../../kernel/iterate.ts';
import type { SourceReader } from '../../live/source.ts';
import type { Group, GroupMember } from './group.ts';

type Execute<Event> = (event: Event) => ExecutionResult | undefined | Promise<ExecutionResult | undefined>;
type Next = IteratorResult<ExecutionResult, undefined>;

/** The results of one viewer's subscription, one by one. A source that fails ends it with a masked error. */
export class Results<Event> extends MappedIterator<Event, ExecutionResult> {
  constructor(
    source: AsyncIterableIterator<Event>,
    execute: Execute<Event>,
    private readonly mask: (error: unknown) => Error,
  ) {
    super(source, execute);
  }

  /** Called when it has ended; more than once, perhaps. */
  onEnded: (() => void) | undefined;

  override async next(): Promise<Next> {
    try {
      const next = await super.next();
      if (next.done) this.onEnded?.();
      return next;
    } catch (error) {
      await this.return();
      throw this.mask(error);
    }
  }

  override return(): Promise<Next> {
    this.onEnded?.();
    return super.return();
  }
}

/** The same as a member of a group: what it reads was executed for all of them. It takes its time, the group flushes nothing. */
export class SharedResults<Item> extends Results<Item> implements GroupMember {
  constructor(
    private readonly group: Group<Item>,
    reader: SourceReader<Item>,
    mask: (error: unknown) => Error,
  ) {
    // The reader has just moved behind the item.
    super(reader, async (item) => (await group.responseTo(reader.nextSeq - 1n, item))?.result, mask);
    group.join(this);
  }

  flush(): void {}

  override async next(): Promise<Next> {
    const next = await super.next();
    if (next.done) this.group.leave(this);
    return next;
  }

  override async return(): Promise<Next> {
    this.group.leave(this);
    return super.return();
  }
}
