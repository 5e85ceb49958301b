import { GiftArt } from '../components/gift-art.tsx';
import { giftName } from '../feed/gift-name.ts';
import type { GiftKind, RoomSnapshot } from '../feed/types.ts';
import { useLanguage } from '../i18n/language.tsx';

type Props = { rules: RoomSnapshot['creator']['reactionRules']; gifts: readonly GiftKind[] };

/** What the creator does for which gifts. */
export function Reactions({ rules, gifts }: Props) {
  const { t, number } = useLanguage();
  if (rules.length === 0) return null;
  return (
    <section className="card reactions">
      <h2>{t('reactions.title')}</h2>
      <ul>
        {rules.map(({ id, gift, phrase, minQuantity, minStreak }) => {
          const name = gifts.find((each) => each.id === gift.id)?.name ?? '';
          const needed = Math.max(minQuantity ?? 1, minStreak ?? 1);
          return (
            <li key={id}>
              <GiftArt name={name} size={28} />
              <span className="hidden-text">{giftName(t, name)}</span>
              {needed > 1 && <span className="chip">×{number(needed)}</span>}
              <bdi>{phrase}</bdi>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
