import { useLanguage } from '../i18n/language.tsx';
import { useSignedIn } from './sign-in.tsx';

/** A place that shows nothing to nobody in particular: says so, and asks who it is. */
export function SignedOut({ text }: { text: string }) {
  const { t } = useLanguage();
  const signedIn = useSignedIn();
  return (
    <div className="page centred">
      <h1 className="signed-out">{text}</h1>
      <button type="button" className="button button-primary" onClick={signedIn}>
        {t('session.signIn')}
      </button>
    </div>
  );
}
