import { type FormEvent, useState } from 'react';
import { perform } from '../api/perform.ts';
import { type Problem, problemText } from '../api/problem.ts';
import { Dialog } from '../components/dialog.tsx';
import { ConfirmAgeDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

/** Asks for the date of birth, without which there are no gifts where the law wants it. */
export function AgeDialog({ onClose }: { onClose: () => void }) {
  const language = useLanguage();
  const { t } = language;
  const [birthDate, setBirthDate] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const outcome = await perform(ConfirmAgeDocument, { input: { birthDate } });
    if (outcome.ok) onClose();
    else setProblem(outcome.problem);
  };
  return (
    <Dialog title={t('age.title')} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <p>{t('age.why')}</p>
        <label className="field">
          {t('age.birthDate')}
          <input
            className="input"
            type="date"
            required
            value={birthDate}
            onChange={({ target }) => setBirthDate(target.value)}
          />
        </label>
        <div role="alert">{problem && <p className="notice notice-bad">{problemText(problem, language)}</p>}</div>
        <button type="submit" className="button button-primary button-wide" disabled={birthDate === ''}>
          {t('age.confirm')}
        </button>
      </form>
    </Dialog>
  );
}
