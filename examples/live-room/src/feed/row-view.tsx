import { memo, type ReactNode } from 'react';
import { Avatar } from '../components/avatar.tsx';
import { GiftArt } from '../components/gift-art.tsx';
import { Icon, type IconName } from '../components/icon.tsx';
import { useLanguage } from '../i18n/language.tsx';
import { giftName } from './gift-name.ts';
import { useMute } from './moderation.tsx';
import { newsOf } from './news.ts';
import type { Row } from './rows.ts';
import type { EventOf, Person } from './types.ts';

/** One row of the feed. */
export const RowView = memo(function RowView({ row }: { row: Row }) {
  const { event } = row;
  if (event.__typename === 'ChatMessage') return <ChatRow event={event} />;
  if (event.__typename === 'GiftSent') return <GiftRow event={event} row={row} />;
  return <NewsRow row={row} />;
});

function ChatRow({ event: { seq, sender, text } }: { event: EventOf<'ChatMessage'> }) {
  return (
    <li className="row-chat" data-seq={seq}>
      <Avatar name={sender.handle} size={28} />
      <p>
        <bdi className="row-who">{sender.displayName}</bdi> <bdi className="row-text">{text}</bdi>
      </p>
      <MuteButton person={sender} />
    </li>
  );
}

/** For those who moderate the stream, beside what somebody said. */
function MuteButton({ person }: { person: Person }) {
  const { t } = useLanguage();
  const mute = useMute();
  if (!mute || mute.spares(person)) return null;
  return (
    <button
      type="button"
      className="row-mute"
      aria-label={t('room.mute', { name: person.displayName })}
      title={t('room.mute', { name: person.displayName })}
      onClick={() => mute.run(person)}
    >
      <Icon name="mute" size={16} />
    </button>
  );
}

function GiftRow({ event, row }: { event: EventOf<'GiftSent'>; row: Row }) {
  const { t, number } = useLanguage();
  const { seq, sender, gift, streak } = event;
  return (
    <li className={row.reversed ? 'row-gift row-reversed' : 'row-gift'} data-seq={seq}>
      <GiftArt name={gift.name} size={30} />
      <p>
        <bdi className="row-who">{sender.displayName}</bdi> {t('feed.giftSent', { gift: giftName(t, gift.name) })}
      </p>
      <strong className="row-count" key={streak}>
        <span aria-hidden="true">×</span>
        {number(row.streakEnded ?? streak)}
      </strong>
    </li>
  );
}

const ICONS: Partial<Record<Row['event']['__typename'], IconName>> = {
  StreakEnded: 'flame',
  GiftReversed: 'undo',
  ReactionQueued: 'clock',
  ReactionPerformed: 'star',
  ReactionSkipped: 'undo',
  GoalStarted: 'target',
  GoalReached: 'target',
  GoalEnded: 'target',
  LevelStarted: 'flame',
  LevelEnded: 'flame',
  BattleStarted: 'swords',
  BattleMultiplied: 'swords',
  BattleExtended: 'swords',
  BattleEnded: 'swords',
  BoxFunded: 'box',
  BoxOpened: 'box',
  BoxClaimed: 'box',
  BoxClosed: 'box',
  ProductPinned: 'pin',
  OfferStarted: 'bag',
  OfferEnded: 'bag',
  ProductPurchased: 'bag',
};

/** Which news are worth a colour. */
const LOUD = new Set<string>(['GoalReached', 'ReactionPerformed', 'BattleEnded', 'OfferStarted', 'ProductPurchased']);

function NewsRow({ row: { event } }: { row: Row }): ReactNode {
  const language = useLanguage();
  return (
    <li className={LOUD.has(event.__typename) ? 'row-news row-loud' : 'row-news'} data-seq={event.seq}>
      <Icon name={ICONS[event.__typename] ?? 'star'} size={16} />
      <p>{newsOf(event, language)}</p>
    </li>
  );
}
