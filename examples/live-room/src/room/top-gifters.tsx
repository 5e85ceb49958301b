import { Avatar } from '../components/avatar.tsx';
import { Icon } from '../components/icon.tsx';
import type { TopGifter } from '../feed/types.ts';
import { useLanguage } from '../i18n/language.tsx';

/** Who gave most. */
export function TopGifters({ gifters }: { gifters: readonly TopGifter[] }) {
  const { t, number } = useLanguage();
  return (
    <section className="card top-gifters">
      <h2>{t('top.title')}</h2>
      {gifters.length === 0 && <p className="dim">{t('top.empty')}</p>}
      <ol>
        {gifters.map(({ rank, coins, isYou, profile }) => (
          <li key={profile.id} className={isYou ? 'gifter gifter-you' : 'gifter'}>
            <span className={`rank rank-${rank}`}>{number(rank)}</span>
            <Avatar name={profile.handle} size={30} />
            <bdi>{profile.displayName}</bdi>
            {isYou && <span className="chip">{t('top.you')}</span>}
            <span className="gifter-coins">
              <Icon name="coin" size={13} /> {number(coins)}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
