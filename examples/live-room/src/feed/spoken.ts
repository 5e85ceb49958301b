import type { Translator } from '../i18n/translate.ts';
import { giftName } from './gift-name.ts';
import { newsOf } from './news.ts';
import type { Row } from './rows.ts';

/** Rows that are read out at once: in a busy stream more has happened before the sentence is over. */
export const SPOKEN_ROWS_MAX = 3;

/** What a screen reader is to say of what is new behind an event: the newest rows, each a sentence. */
export function spoken(rows: readonly Row[], afterSeq: number, translator: Translator): string {
  return rows
    .filter(({ event }) => event.seq > afterSeq)
    .slice(-SPOKEN_ROWS_MAX)
    .map((row) => sentence(row, translator))
    .join(' · ');
}

function sentence({ event }: Row, translator: Translator): string {
  const { t, number } = translator;
  if (event.__typename === 'ChatMessage') return `${event.sender.displayName}: ${event.text}`;
  if (event.__typename !== 'GiftSent') return newsOf(event, translator);
  return `${event.sender.displayName} ${t('feed.giftSent', { gift: giftName(t, event.gift.name) })} ×${number(event.streak)}`;
}
