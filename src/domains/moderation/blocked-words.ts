import type { Database } from '../../db/database.ts';
import { InvalidInputError } from '../../kernel/errors.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { noteAction } from './actions.repo.ts';
import { requireModerator } from './authority.ts';
import { changeWordList, countWords, deleteWords, insertWords, readWords } from './blocked-words.repo.ts';
import { foldedWords } from './words.ts';

/** Words and phrases in one list. */
export const WORDS_MAX = 1_000;
/** Words and phrases in one call. */
export const WORDS_PER_CALL_MAX = 100;
/** Characters of a word or phrase. */
export const PHRASE_LENGTH_MAX = 100;

/** What may not be said: a list for the whole platform, and one of each creator. */
export class BlockedWords {
  constructor(private readonly db: Database) {}

  /**
   * Everything on a list, in the order that it was added.
   * @throws {NotFoundError} no such creator
   * @throws {ForbiddenError} the actor does not moderate there
   */
  async list(actor: Actor, creatorId: bigint): Promise<string[]> {
    await requireModerator(this.db.pool, actor, creatorId);
    return readWords(this.db.pool, creatorId);
  }

  /**
   * Blocks words and phrases from now on; those that are blocked already are left as they are.
   * @returns the whole list
   * @throws {InvalidInputError} one of them has neither letters nor digits nor emoji, or there is no room
   * Other errors: as {@link list}.
   */
  async block(actor: Actor, creatorId: bigint, phrases: readonly string[]): Promise<string[]> {
    const folded = fold(phrases);
    return this.db.inTransaction(async (sql) => {
      await requireModerator(sql, actor, creatorId);
      await changeWordList(sql, creatorId);
      const added = await insertWords(sql, creatorId, folded);
      if ((await countWords(sql, creatorId)) > WORDS_MAX) {
        const message = `A list has ${WORDS_MAX} words and phrases at the most.`;
        throw new InvalidInputError([{ path: 'input.phrases', message }]);
      }
      if (added > 0)
        await noteAction(sql, { creatorId, actorId: actor.id, kind: 'WORDS_BLOCKED', reason: many(added) });
      return readWords(sql, creatorId);
    });
  }

  /** Lets words and phrases pass again. Errors and result: as {@link block}. */
  async unblock(actor: Actor, creatorId: bigint, phrases: readonly string[]): Promise<string[]> {
    const folded = fold(phrases);
    return this.db.inTransaction(async (sql) => {
      await requireModerator(sql, actor, creatorId);
      await changeWordList(sql, creatorId);
      const removed = await deleteWords(sql, creatorId, [...folded.keys()]);
      if (removed > 0) {
        await noteAction(sql, { creatorId, actorId: actor.id, kind: 'WORDS_UNBLOCKED', reason: many(removed) });
      }
      return readWords(sql, creatorId);
    });
  }
}

/** Phrases by what counts as the same. */
function fold(phrases: readonly string[]): Map<string, string> {
  const folded = new Map<string, string>();
  const issues = phrases.flatMap((phrase, index) => {
    const words = foldedWords(phrase).join(' ');
    if (words === '') {
      return [{ path: `input.phrases.${index}`, message: 'Must have a letter, a digit or an emoji.' }];
    }
    folded.set(words, phrase);
    return [];
  });
  if (issues.length > 0) throw new InvalidInputError(issues);
  return folded;
}

function many(count: number): string {
  return count === 1 ? '1 word or phrase' : `${count} words and phrases`;
}
