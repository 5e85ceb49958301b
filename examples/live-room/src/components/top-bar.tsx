import { useConnection } from '../api/connection.ts';
import { signOut, useSession } from '../api/session.ts';
import { useLanguage } from '../i18n/language.tsx';
import { Link, paths, useRoute } from '../routing.tsx';
import { WalletChip } from '../wallet/wallet-chip.tsx';
import { Avatar } from './avatar.tsx';
import { useSignedIn } from './sign-in.tsx';

/** The page's head: where to go, who one is, in which language. */
export function TopBar() {
  const { t, language, choose } = useLanguage();
  const session = useSession();
  const signedIn = useSignedIn();
  const lost = useConnection() === 'lost';
  return (
    <header className="topbar">
      <Link to={paths.streams} className="brand" aria-label={t('app.name')}>
        <img src="/icon.svg" alt="" />
        <span>{t('app.name')}</span>
      </Link>
      <Navigation />
      <div className="topbar-end">
        <button
          type="button"
          className="button button-quiet"
          lang={language === 'en' ? 'ar' : 'en'}
          onClick={() => choose(language === 'en' ? 'ar' : 'en')}
        >
          {t('app.language')}
        </button>
        {session && <WalletChip />}
        {session ? (
          <button type="button" className="avatar-button" title={t('session.signOut')} onClick={signOut}>
            <Avatar name={session.viewer.handle} />
            <span className="hidden-text">
              {t('session.as', { name: session.viewer.handle })}. {t('session.signOut')}
            </span>
          </button>
        ) : (
          <button type="button" className="button button-primary" onClick={signedIn}>
            {t('session.signIn')}
          </button>
        )}
      </div>
      <div role="status">{lost && <span className="connection-lost">{t('connection.lost')}</span>}</div>
    </header>
  );
}

function Navigation() {
  const { t } = useLanguage();
  const session = useSession();
  const { name } = useRoute();
  return (
    <nav className="topbar-nav">
      <Link to={paths.streams} aria-current={name === 'streams' ? 'page' : undefined}>
        {t('nav.streams')}
      </Link>
      {session && (
        <Link to={paths.orders} aria-current={name === 'orders' || name === 'order' ? 'page' : undefined}>
          {t('nav.orders')}
        </Link>
      )}
      {session && (
        <Link to={paths.wallet} aria-current={name === 'wallet' ? 'page' : undefined}>
          {t('nav.wallet')}
        </Link>
      )}
      <Link to={paths.studio} aria-current={name === 'studio' ? 'page' : undefined}>
        {t('studio.title')}
      </Link>
    </nav>
  );
}
