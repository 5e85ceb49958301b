import { rows, type SqlTransaction, statement } from '../../db/database.ts';
import { Lru } from '../../kernel/lru.ts';
import { EVERYWHERE, type SqlEnd, toEnd } from './restrictions.repo.ts';
import { foldedWords, WordFilter } from './words.ts';

/** Word lists that a server keeps: of all creators whose streams it writes, the busiest. */
const LISTS_KEPT_MAX = 1_000;

/** A message that somebody wants to say. */
export type ChatLine = { streamId: bigint; viewerId: bigint; text: string };

/** Why a message must not be said. */
export type ChatRefusal =
  | { kind: 'BANNED' | 'MUTED'; until: Date | null }
  | { kind: 'SLOW_MODE'; retryAfterMs: number }
  | { kind: 'BLOCKED_WORDS' };

/** What one viewer must obey in one stream. */
type Rules = {
  place: number;
  creatorId: bigint;
  bannedUntil: SqlEnd;
  mutedUntil: SqlEnd;
  slowMs: number | null;
  waitMs: number | null;
  /** The creator and the moderators: neither slow mode nor the creator's own words are for them. */
  trusted: boolean;
  words: bigint | null;
  platformWords: bigint | null;
};

const RULES = statement(
  'moderation.chatRules',
  `SELECT place, creator_id AS "creatorId", banned_until AS "bannedUntil", muted_until AS "mutedUntil", slow_ms AS "slowMs",
          wait_ms AS "waitMs", trusted, words, platform_words AS "platformWords" FROM chat_rules($1, $2)`,
);
const WORDS = statement(
  'moderation.wordsOf',
  'SELECT creator_id AS "creatorId", phrase FROM blocked_word WHERE creator_id = ANY($1)',
);
const TURNS = statement(
  'moderation.slowTurns',
  `INSERT INTO slow_turn (stream_id, viewer_id, said_at)
   SELECT i.stream_id, i.viewer_id, clock_timestamp() FROM unnest($1::bigint[], $2::bigint[]) i(stream_id, viewer_id)
    ORDER BY i.stream_id, i.viewer_id
   ON CONFLICT (stream_id, viewer_id) DO UPDATE SET said_at = EXCLUDED.said_at`,
);

/** The rules for the messages of one batch. */
export type BatchRules = {
  /** Judges a message that would be said; what it lets pass counts as said. Call it in the order of the batch. */
  judge: (line: ChatLine) => ChatRefusal | undefined;
  /** Notes who has had a turn in a slow chat; no statement when nobody has. */
  noteTurns: (sql: SqlTransaction) => Promise<void>;
};

/**
 * What chat must obey, a batch at a time: one statement however many messages; one more when a word list has changed, and one
 * when somebody speaks in slow mode. Words are compared here and kept by the version of their list, which that one statement
 * reads: so a word that was blocked on any server holds for each batch that begins afterwards.
 */
export class ChatRules {
  readonly #filters = new Lru<{ version: bigint; filter: WordFilter }>(LISTS_KEPT_MAX);

  /** Reads the rules for messages. The caller holds the streams' logs. */
  async read(sql: SqlTransaction, lines: readonly ChatLine[]): Promise<BatchRules> {
    const pairs = new Map(lines.map((line) => [pairOf(line), line]));
    const found = await rows<Rules>(sql, RULES, [
      [...pairs.values()].map(({ streamId }) => streamId),
      [...pairs.values()].map(({ viewerId }) => viewerId),
    ]);
    const keys = [...pairs.keys()];
    const rules = new Map(found.map((rule) => [keys[rule.place - 1]!, rule]));
    const filters = await this.#filtersOf(sql, found);
    const spoken = new Map<string, ChatLine>();
    return {
      judge: (line) => {
        const rule = rules.get(pairOf(line));
        if (!rule) return undefined; // no such stream, which the caller finds out
        const refusal = judge(rule, line, { filters, hasSpoken: spoken.has(pairOf(line)) });
        if (!refusal && rule.slowMs !== null && !rule.trusted) spoken.set(pairOf(line), line);
        return refusal;
      },
      noteTurns: async (tx) => {
        if (spoken.size === 0) return;
        const lines = [...spoken.values()];
        await rows(tx, TURNS, [lines.map(({ streamId }) => streamId), lines.map(({ viewerId }) => viewerId)]);
      },
    };
  }

  /** The word lists that the rules name, by creator; those of another version than is kept are read. */
  async #filtersOf(sql: SqlTransaction, rules: readonly Rules[]): Promise<Map<bigint, WordFilter>> {
    const versions = new Map<bigint, bigint>();
    for (const { creatorId, words, platformWords } of rules) {
      if (words !== null) versions.set(creatorId, words);
      if (platformWords !== null) versions.set(EVERYWHERE, platformWords);
    }
    const filters = new Map<bigint, WordFilter>();
    const stale = [...versions].filter(([creatorId, version]) => {
      const kept = this.#filters.get(String(creatorId));
      if (kept?.version === version) filters.set(creatorId, kept.filter);
      return kept?.version !== version;
    });
    if (stale.length === 0) return filters;
    const found = await rows<{ creatorId: bigint; phrase: string }>(sql, WORDS, [
      stale.map(([creatorId]) => creatorId),
    ]);
    for (const [creatorId, version] of stale) {
      const phrases = found.flatMap((row) => (row.creatorId === creatorId ? [row.phrase] : []));
      const filter = new WordFilter(phrases);
      filters.set(creatorId, filter);
      this.#filters.set(String(creatorId), { version, filter }, 1);
    }
    return filters;
  }
}

/** What keeps somebody from taking part, a ban before a mute; the ends are of what is in force. */
export function takePartRefusal(ends: {
  bannedUntil: SqlEnd;
  mutedUntil: SqlEnd;
}): Extract<ChatRefusal, { until: unknown }> | undefined {
  const [ban, mute] = [toEnd(ends.bannedUntil), toEnd(ends.mutedUntil)];
  if (ban) return { kind: 'BANNED', until: ban.until };
  return mute ? { kind: 'MUTED', until: mute.until } : undefined;
}

function judge(
  rule: Rules,
  { text }: ChatLine,
  batch: { filters: ReadonlyMap<bigint, WordFilter>; hasSpoken: boolean },
): ChatRefusal | undefined {
  const kept = takePartRefusal(rule);
  if (kept) return kept;
  // Words before slow mode: what may not be said at all is not worth waiting for.
  const filters = [batch.filters.get(EVERYWHERE), rule.trusted ? undefined : batch.filters.get(rule.creatorId)];
  const words = filters.some(Boolean) ? foldedWords(text) : [];
  if (filters.some((filter) => filter?.finds(words))) return { kind: 'BLOCKED_WORDS' };
  const waitMs = batch.hasSpoken ? rule.slowMs : rule.waitMs;
  if (rule.slowMs !== null && !rule.trusted && waitMs) return { kind: 'SLOW_MODE', retryAfterMs: waitMs };
  return undefined;
}

function pairOf({ streamId, viewerId }: ChatLine): string {
  return `${streamId}:${viewerId}`;
}
