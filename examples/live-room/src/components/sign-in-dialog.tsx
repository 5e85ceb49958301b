import { type FormEvent, useState } from 'react';
import { signIn } from '../api/session.ts';
import { useLanguage } from '../i18n/language.tsx';
import { Avatar } from './avatar.tsx';
import { Dialog } from './dialog.tsx';

/** Who the demo has prepared, with coins and an address. */
const DEMO_PEOPLE = ['layla', 'omar', 'sara'];

/** Signs in, as the demo allows, by a press on a name. */
export function SignInDialog({ onClose }: { onClose: () => void }) {
  const { t } = useLanguage();
  const [handle, setHandle] = useState('');
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState(false);
  const enter = async (name: string) => {
    setBusy(true);
    setFailed(false);
    const failure = await signIn(name);
    setBusy(false);
    if (failure) setFailed(true);
    else onClose();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void enter(handle.trim().toLowerCase());
  };
  return (
    <Dialog title={t('session.title')} onClose={onClose}>
      <div className="stack">
        <p className="notice">{t('session.demo')}</p>
        <div className="people">
          {DEMO_PEOPLE.map((name) => (
            <button key={name} type="button" className="person" disabled={busy} onClick={() => void enter(name)}>
              <Avatar name={name} size={48} />
              {name}
            </button>
          ))}
        </div>
        <form className="row" onSubmit={submit}>
          <input
            className="input"
            dir="ltr"
            autoComplete="username"
            autoCapitalize="none"
            aria-label={t('session.handle')}
            placeholder={t('session.handle')}
            value={handle}
            onChange={(event) => setHandle(event.target.value)}
          />
          <button type="submit" className="button button-primary" disabled={busy || handle.trim() === ''}>
            {t('session.signIn')}
          </button>
        </form>
        {failed && (
          <p className="notice notice-bad" role="alert">
            {t('session.failed')}
          </p>
        )}
      </div>
    </Dialog>
  );
}
