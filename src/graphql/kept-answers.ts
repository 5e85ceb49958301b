import { Lru } from '../kernel/lru.ts';

/** How long an answer is kept: so old may it be when the message that something has changed was lost. */
export const ANSWER_TTL_MS = 3_000;
/** What all answers may take together, with their keys. */
export const ANSWERS_BYTES_MAX = 32 * 1024 * 1024;
/** A longer answer is not kept, or a few would push out all others. */
export const ANSWER_BYTES_MAX = 256 * 1024;
/** What an answer takes however short it is. It also bounds their number. */
const ANSWER_OVERHEAD_BYTES = 1_024;
/** Topics whose last change is remembered. One more, and all answers are forgotten instead. */
const CHANGED_TOPICS_MAX = 10_000;

/** Limits that tests and benchmarks replace; `bytesMax: 0` keeps nothing. */
export type KeptAnswersOptions = { ttlMs?: number; bytesMax?: number };

/** A read under way: where in the row of changes it began, and when. */
export type Reading = { begunAfter: number; begunMs: number };

type Answer = Reading & { text: string; topics: readonly string[] };

/**
 * Answers by key, each with the topics that it shows. Nothing is searched for when a topic changes: an answer is good while
 * none of its topics has changed since its read began. So one that was read before a change and arrives after it is never used.
 */
export class KeptAnswers {
  readonly #answers: Lru<Answer>;
  readonly #ttlMs: number;
  /** Changes so far; their number is the time of this class. */
  #changes = 0;
  readonly #changedAt = new Map<string, number>();
  /** Changes before this one are not remembered. */
  #forgottenUntil = 0;

  constructor({ ttlMs = ANSWER_TTL_MS, bytesMax = ANSWERS_BYTES_MAX }: KeptAnswersOptions = {}) {
    this.#ttlMs = ttlMs;
    this.#answers = new Lru(bytesMax);
  }

  /** The answer for a key, if it is still good. */
  get(key: string): string | undefined {
    const answer = this.#answers.get(key);
    if (!answer) return undefined;
    if (this.#isGood(answer)) return answer.text;
    this.#answers.delete(key);
    return undefined;
  }

  /** To be called before anything is read for an answer that is to be kept. */
  begin(): Reading {
    return { begunAfter: this.#changes, begunMs: performance.now() };
  }

  /** Keeps an answer, unless it is not good any more. */
  keep(key: string, reading: Reading, text: string, topics: readonly string[]): void {
    const bytes = 2 * (text.length + key.length); // a character takes two at the most
    const answer = { ...reading, text, topics };
    if (bytes > ANSWER_BYTES_MAX || !this.#isGood(answer)) return;
    this.#answers.set(key, answer, bytes + ANSWER_OVERHEAD_BYTES);
  }

  /** Notes that topics have changed. */
  change(topics: readonly string[]): void {
    this.#changes++;
    for (const topic of topics) this.#changedAt.set(topic, this.#changes);
    if (this.#changedAt.size <= CHANGED_TOPICS_MAX) return;
    this.#changedAt.clear();
    this.#forgottenUntil = this.#changes;
  }

  #isGood({ begunAfter, begunMs, topics }: Answer): boolean {
    if (begunAfter < this.#forgottenUntil || performance.now() - begunMs >= this.#ttlMs) return false;
    return topics.every((topic) => (this.#changedAt.get(topic) ?? 0) <= begunAfter);
  }
}
