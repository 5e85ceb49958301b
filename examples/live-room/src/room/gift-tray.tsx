import { newKey, perform } from '../api/perform.ts';
import { GiftArt } from '../components/gift-art.tsx';
import { Icon } from '../components/icon.tsx';
import { useProblems } from '../components/problems.tsx';
import { useSignedIn } from '../components/sign-in.tsx';
import { giftName } from '../feed/gift-name.ts';
import type { GiftKind } from '../feed/types.ts';
import { SendGiftDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

/** What one can give. */
export function GiftTray({ streamId, gifts }: { streamId: string; gifts: readonly GiftKind[] }) {
  const { t, number } = useLanguage();
  const signedIn = useSignedIn();
  const problems = useProblems();
  const send = async (gift: GiftKind) => {
    if (!signedIn()) return;
    const input = { streamId, giftId: gift.id, quantity: 1, idempotencyKey: newKey() };
    const outcome = await perform(SendGiftDocument, { input });
    if (!outcome.ok) problems.show(outcome.problem);
  };
  return (
    <ul className="gift-tray" aria-label={t('gifts.title')}>
      {gifts.map((gift) => (
        <li key={gift.id}>
          <button
            type="button"
            className="gift"
            aria-label={t('gifts.send', { gift: giftName(t, gift.name), count: gift.coins })}
            onClick={() => void send(gift)}
          >
            <GiftArt name={gift.name} />
            <span>{giftName(t, gift.name)}</span>
            <span className="gift-price">
              <Icon name="coin" size={14} /> {number(gift.coins)}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}
