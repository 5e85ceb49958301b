import { type Database, together } from '../../db/database.ts';
import { KEY_TAKEN, type KnownCall, readKeys, storeKeys } from '../../db/idempotent.ts';
import { brokeConstraint, classifyBatchError } from '../../db/sql-errors.ts';
import { IdempotencyConflictError, NotFoundError } from '../../kernel/errors.ts';
import { GroupCommit } from '../../kernel/group-commit.ts';
import { hashInput } from '../../kernel/idempotency.ts';
import { InFlight } from '../../kernel/in-flight.ts';
import type { Cause } from '../../kernel/instruments.ts';
import type { Live } from '../../live/live.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { appendEvents, lockLogs, readEventsAt } from '../../live/live-log.ts';
import type { Profile } from '../accounts/accounts.api.ts';
import { type BatchRules, type ChatRefusal, ChatRules, refusalError } from '../moderation/moderation.api.ts';
import { StreamNotLiveError } from './streams.errors.ts';
import { type ChatMessageEvent, streamEvents } from './streams.events.ts';
import { readStatuses } from './streams.repo.ts';
import type { StreamStatus } from './streams.state.ts';

/** Messages in one SQL transaction. */
export const CHAT_BATCH_MAX = 500;
/** Messages that may wait; one more is refused with OverloadedError. */
export const CHAT_QUEUE_MAX = 10_000;
const RETRY_AFTER_MS = 500;
const ATTEMPTS_MAX = 5;
const OPERATION = 'sendChatMessage';

/** Something that somebody says. */
export type ChatDraft = { viewerId: bigint; sender: Profile; streamId: bigint; text: string; idempotencyKey: string };
/** Limits that tests override. */
export type ChatOptions = { batchMax?: number; queueMax?: number };

/** What becomes of one message. Only SAID has written something. */
type Outcome =
  | { kind: 'SAID' | 'REPLAYED'; event: ChatMessageEvent }
  | { kind: 'CONFLICT' | 'UNKNOWN_STREAM' | 'STREAM_NOT_LIVE' }
  | { kind: 'REFUSED'; refusal: ChatRefusal };

/** What a key stands for: where its message is in the log, and since when. Keys of before `at` was kept know when they were stored. */
type StoredMessage = { seq: string; at?: string };

/** What a batch finds out about one of its messages before it writes. */
type Judged = {
  draft: ChatDraft;
  inputHash: string;
  kind: Outcome['kind'];
  stored: KnownCall<StoredMessage> | undefined;
  refusal: ChatRefusal | undefined;
};

/** What is said in streams. Everything that is said while one batch commits is the next batch, as with gifts. */
export class Chat {
  readonly #writer: GroupCommit<ChatDraft, Outcome>;
  readonly #rules = new ChatRules();
  readonly #inFlight = new InFlight<ChatDraft, Outcome>(
    (one, other) => one.streamId === other.streamId && one.text === other.text,
  );

  constructor(
    private readonly deps: { db: Database; live: Live },
    options: ChatOptions = {},
  ) {
    this.#writer = new GroupCommit({
      watched: { name: 'chat', instruments: this.deps.db.instruments },
      commit: (batch, causes) => this.#commit(batch, causes),
      batchMax: options.batchMax ?? CHAT_BATCH_MAX,
      queueMax: options.queueMax ?? CHAT_QUEUE_MAX,
      retryAfterMs: RETRY_AFTER_MS,
      attemptsMax: ATTEMPTS_MAX,
      classify: (error) => (brokeConstraint(error, KEY_TAKEN) ? 'retry' : classifyBatchError(error)),
    });
  }

  /** Says something, once per key. Errors: see `Streams.chat`. */
  async say(draft: ChatDraft): Promise<{ event: ChatMessageEvent; replayed: boolean }> {
    const identity = `${draft.viewerId}:${draft.idempotencyKey}`;
    const { outcome, joined } = await this.#inFlight.run(identity, draft, () => this.#writer.submit(draft));
    switch (outcome.kind) {
      case 'SAID':
      case 'REPLAYED':
        return { event: outcome.event, replayed: joined || outcome.kind === 'REPLAYED' };
      case 'CONFLICT':
        throw new IdempotencyConflictError();
      case 'UNKNOWN_STREAM':
        throw new NotFoundError('stream');
      case 'STREAM_NOT_LIVE':
        throw new StreamNotLiveError();
      case 'REFUSED':
        throw refusalError(outcome.refusal);
    }
  }

  /** Commits what is queued. */
  close(): Promise<void> {
    return this.#writer.close();
  }

  async #commit(batch: readonly ChatDraft[], causes: readonly (Cause | undefined)[]): Promise<Outcome[]> {
    const { db, live } = this.deps;
    const { outcomes, fresh } = await db.inTransaction(async (sql) => {
      const streamIds = [...new Set(batch.map(({ streamId }) => streamId))];
      const [, statuses, stored, rules] = await together(
        lockLogs(sql, streamIds),
        readStatuses(sql, streamIds),
        readKeys<StoredMessage>(sql, OPERATION, batch.map(keyOf)),
        this.#rules.read(sql, batch),
      );
      const judged = batch.map((draft, index) => judge(draft, stored[index], statuses.get(draft.streamId), rules));
      const said = judged.filter(({ kind }) => kind === 'SAID');
      const fresh = await appendEvents(
        sql,
        said.map(({ draft }) => streamEvents.chatMessage(draft.streamId, draft.sender, draft.text)),
      );
      await storeKeys(
        sql,
        OPERATION,
        said.map(({ draft, inputHash }, index) => ({
          ...keyOf(draft),
          inputHash,
          result: {
            seq: String(fresh[index]!.seq),
            at: fresh[index]!.occurredAt.toISOString(),
          } satisfies StoredMessage,
        })),
      );
      await rules.noteTurns(sql);
      const replays = judged.filter(({ kind }) => kind === 'REPLAYED');
      const replayed = await readEventsAt(
        sql,
        replays.map(({ draft, stored }) => ({ streamId: draft.streamId, seq: BigInt(stored!.result.seq) })),
      );
      const [nextFresh, nextReplayed] = [
        fresh.values(),
        replayed.map((event, i) => event ?? retold(replays[i]!)).values(),
      ];
      const outcomes = judged.map(({ kind, refusal }): Outcome => {
        if (kind === 'REFUSED') return { kind, refusal: refusal! };
        if (kind === 'SAID') return { kind, event: nextFresh.next().value as ChatMessageEvent };
        if (kind === 'REPLAYED') return { kind, event: nextReplayed.next().value as ChatMessageEvent };
        return { kind };
      });
      return { outcomes, fresh: fresh as LiveEvent[] };
    });
    const isOf = (event: LiveEvent, place: number) => {
      const outcome = outcomes[place]!;
      return outcome.kind === 'SAID' && outcome.event === event;
    };
    live.announce(fresh, { causes, isOf });
    return outcomes;
  }
}

function keyOf({ viewerId, idempotencyKey }: ChatDraft): { actorId: bigint; key: string } {
  return { actorId: viewerId, key: idempotencyKey };
}

/** A message whose event is pruned: its key stands for its stream and text, and remembers its place; the names are those of now. */
function retold({ draft, stored }: Judged): LiveEvent {
  const { seq, at } = stored!.result;
  const occurredAt = at === undefined ? stored!.storedAt : new Date(at);
  return { ...streamEvents.chatMessage(draft.streamId, draft.sender, draft.text), seq: BigInt(seq), occurredAt };
}

/** A replay is answered even when the stream has ended, or the viewer was muted, since. */
function judge(
  draft: ChatDraft,
  stored: Judged['stored'],
  status: StreamStatus | undefined,
  rules: BatchRules,
): Judged {
  const inputHash = hashInput({ streamId: draft.streamId, text: draft.text });
  const judged = (kind: Outcome['kind'], refusal?: ChatRefusal): Judged => ({
    draft,
    inputHash,
    kind,
    stored,
    refusal,
  });
  if (stored) return judged(stored.inputHash === inputHash ? 'REPLAYED' : 'CONFLICT');
  if (status === undefined) return judged('UNKNOWN_STREAM');
  if (status !== 'LIVE') return judged('STREAM_NOT_LIVE');
  const refusal = rules.judge(draft);
  return refusal ? judged('REFUSED', refusal) : judged('SAID');
}
