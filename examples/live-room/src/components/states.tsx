import { useLanguage } from '../i18n/language.tsx';
import { Link, paths } from '../routing.tsx';

/** While something is on its way. */
export function Loading() {
  const { t } = useLanguage();
  return (
    <div className="centred" role="status">
      <span className="spinner" aria-hidden="true" />
      {t('loading')}
    </div>
  );
}

/** When something did not come. */
export function Failed({ onRetry }: { onRetry: () => void }) {
  const { t } = useLanguage();
  return (
    <div className="centred" role="alert">
      <p>{t('failed.title')}</p>
      <button type="button" className="button" onClick={onRetry}>
        {t('failed.again')}
      </button>
    </div>
  );
}

/** When there is no such thing. */
export function NotFound() {
  const { t } = useLanguage();
  return (
    <div className="centred">
      <p>{t('notFound.title')}</p>
      <Link to={paths.streams} className="button">
        {t('notFound.home')}
      </Link>
    </div>
  );
}
