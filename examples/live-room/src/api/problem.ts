import type { ProblemFragment } from '../generated/graphql.ts';
import type { Translator } from '../i18n/translate.ts';
import type { NoAnswer } from './perform.ts';

/** Why something was not done. */
export type Problem = ProblemFragment | NoAnswer;

/** What a problem means to a person, and what they can do. */
export function problemText(problem: Problem, { t, date, money }: Translator): string {
  switch (problem.__typename) {
    case 'NoAnswer':
      return t('problem.noAnswer');
    case 'InsufficientCoinsError':
      return t('problem.insufficientCoins', { count: problem.required - problem.available });
    case 'SpendingCapReachedError':
      return t('problem.spendingCap', { count: problem.coinsLeft, date: date(problem.resetsAt) });
    case 'PriceChangedError':
      return t('problem.priceChanged', { price: money(problem.currentUnitPrice) });
    case 'SoldOutError':
      return problem.remaining > 0 ? t('problem.fewLeft', { count: problem.remaining }) : t('problem.soldOut');
    case 'PerBuyerLimitError':
      return t('problem.perBuyerLimit', { count: problem.limit });
    case 'OfferEndedError':
      return t('problem.offerEnded');
    case 'NotEligibleError':
      return t('problem.notEligible');
    case 'NotDeliverableError':
      return t('problem.notDeliverable');
    case 'PaymentDeclinedError':
      return t('problem.paymentDeclined');
    case 'PaymentPendingError':
      return t('problem.paymentPending');
    case 'AgeRestrictedError':
      return problem.allowedFrom ? t('problem.tooYoung', { date: date(problem.allowedFrom) }) : t('problem.ageUnknown');
    case 'RegionRestrictedError':
      return t('problem.region');
    case 'BannedError':
      return problem.until ? t('problem.bannedUntil', { date: date(problem.until) }) : t('problem.banned');
    case 'MutedError':
      return problem.until ? t('problem.mutedUntil', { date: date(problem.until) }) : t('problem.muted');
    case 'SlowModeError':
      return t('problem.slowMode', { count: Math.ceil(problem.retryAfterMs / 1000) });
    case 'RateLimitedError':
      return t('problem.rateLimited', { count: Math.max(1, Math.ceil(problem.retryAfterMs / 1000)) });
    case 'OverloadedError':
    case 'UnavailableError':
      return t('problem.unavailable');
    case 'ReactionQueueFullError':
      return t('problem.reactionQueueFull');
    case 'BlockedWordsError':
      return t('problem.blockedWords');
    case 'StreamNotLiveError':
      return t('problem.streamNotLive');
    case 'NotSignedInError':
      return t('problem.notSignedIn');
    case 'BoxEmptyError':
      return t('problem.boxEmpty');
    case 'ForbiddenError':
      return t('problem.forbidden');
    case 'InvalidInputError':
      return t('problem.other', { message: problem.issues.map(({ message }) => message).join(' ') || problem.message });
    default:
      return t('problem.other', { message: problem.message });
  }
}
