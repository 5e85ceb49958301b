import { useMemo, useState } from 'react';
import { perform } from '../api/perform.ts';
import { GiftArt } from '../components/gift-art.tsx';
import { Icon } from '../components/icon.tsx';
import { useProblems } from '../components/problems.tsx';
import { useSignedIn } from '../components/sign-in.tsx';
import { giftName } from '../feed/gift-name.ts';
import type { GiftKind } from '../feed/types.ts';
import { SendGiftDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { GiftSender } from './gift-sender.ts';

type Props = { streamId: string; gifts: readonly GiftKind[]; reactions: ReadonlyMap<string, string>; closed: boolean };

/** What one can give, and what the creator does for it. */
export function GiftTray({ streamId, gifts, reactions, closed }: Props) {
  const { t } = useLanguage();
  return (
    <ul className="gift-tray" aria-label={t('gifts.title')}>
      {gifts.map((gift) => (
        <li key={gift.id}>
          <GiftButton streamId={streamId} gift={gift} phrase={reactions.get(gift.id)} closed={closed} />
        </li>
      ))}
    </ul>
  );
}

type ButtonProps = { streamId: string; gift: GiftKind; phrase: string | undefined; closed: boolean };

function GiftButton({ streamId, gift, phrase, closed }: ButtonProps) {
  const { t, number } = useLanguage();
  const signedIn = useSignedIn();
  const problems = useProblems();
  const [count, setCount] = useState(0);
  const sender = useMemo(
    () =>
      new GiftSender(
        (quantity, idempotencyKey) =>
          perform(SendGiftDocument, { input: { streamId, giftId: gift.id, quantity, idempotencyKey } }),
        setCount,
        (problem) => (problem ? problems.show(problem) : problems.clear()),
      ),
    [streamId, gift.id, problems],
  );
  const name = giftName(t, gift.name);
  return (
    <button
      type="button"
      className={count > 0 ? 'gift gift-active' : 'gift'}
      data-gift={gift.name}
      disabled={closed}
      title={phrase}
      aria-description={t('gifts.send', { gift: name, count: gift.coins })}
      onClick={() => signedIn() && sender.tap()}
    >
      <GiftArt name={gift.name} />
      <span className="gift-name">{name}</span>
      <span className="gift-price">
        <Icon name="coin" size={13} /> {number(gift.coins)}
      </span>
      {phrase && <Icon name="star" size={13} />}
      {count > 0 && (
        <span className="gift-count" key={count}>
          ×{number(count)}
        </span>
      )}
    </button>
  );
}
