import type { ChatRefusal } from './chat-rules.ts';
import { BannedError, BlockedWordsError, MutedError, SlowModeError } from './moderation.errors.ts';

/** What other domains may ask of moderation: what keeps viewers from taking part. */
export { type BatchRules, type ChatRefusal, ChatRules, takePartRefusal } from './chat-rules.ts';
export type { SqlEnd } from './restrictions.repo.ts';

/** A refusal, as clients get it. */
export function refusalError(refusal: ChatRefusal): MutedError | BannedError | SlowModeError | BlockedWordsError {
  switch (refusal.kind) {
    case 'BANNED':
      return new BannedError(refusal.until);
    case 'MUTED':
      return new MutedError(refusal.until);
    case 'SLOW_MODE':
      return new SlowModeError(refusal.retryAfterMs);
    case 'BLOCKED_WORDS':
      return new BlockedWordsError();
  }
}
