import { type FormEvent, useState } from 'react';
import { Icon } from '../components/icon.tsx';
import { useAction } from '../components/use-action.ts';
import { StartStreamDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

/** Characters of a title at the most. */
const TITLE_LENGTH_MAX = 140;

/** The first thing that a creator does. */
export function GoLive({ onLive }: { onLive: () => void }) {
  const { t } = useLanguage();
  const [title, setTitle] = useState('');
  const start = useAction(StartStreamDocument, onLive);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void start.run({ input: { title: title.trim() } });
  };
  return (
    <form className="card go-live" onSubmit={submit}>
      <div>
        <h2>{t('studio.goLiveTitle')}</h2>
        <p className="dim">{t('studio.goLiveText')}</p>
      </div>
      <input
        className="input"
        dir="auto"
        maxLength={TITLE_LENGTH_MAX}
        aria-label={t('studio.streamTitle')}
        placeholder={t('studio.streamTitle')}
        value={title}
        onChange={({ target }) => setTitle(target.value)}
      />
      <button type="submit" className="button button-primary" disabled={start.busy || title.trim() === ''}>
        <Icon name="flame" /> {t('studio.goLive')}
      </button>
    </form>
  );
}
