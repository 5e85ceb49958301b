import { type FormEvent, useState } from 'react';
import { newKey, perform } from '../api/perform.ts';
import { Icon } from '../components/icon.tsx';
import { useProblems } from '../components/problems.tsx';
import { useSignedIn } from '../components/sign-in.tsx';
import { SendChatDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

/** Characters of a message at the most. */
const TEXT_LENGTH_MAX = 200;

/** Where one says something. */
export function ChatBox({ streamId }: { streamId: string }) {
  const { t } = useLanguage();
  const signedIn = useSignedIn();
  const problems = useProblems();
  // The key belongs to the text: sent again it is the same message, changed it is another one.
  const [draft, setDraft] = useState({ text: '', key: newKey() });
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const text = draft.text.trim();
    if (text === '' || busy || !signedIn()) return;
    setBusy(true);
    const outcome = await perform(SendChatDocument, { input: { streamId, text, idempotencyKey: draft.key } });
    setBusy(false);
    if (outcome.ok) setDraft({ text: '', key: newKey() });
    else problems.show(outcome.problem);
  };
  return (
    <form className="chat-box" onSubmit={submit}>
      <input
        className="input"
        dir={draft.text === '' ? undefined : 'auto'}
        maxLength={TEXT_LENGTH_MAX}
        autoComplete="off"
        enterKeyHint="send"
        aria-label={t('chat.placeholder')}
        placeholder={t('chat.placeholder')}
        value={draft.text}
        onChange={({ target: { value } }) => setDraft({ text: value, key: newKey() })}
      />
      <button type="submit" className="button" aria-label={t('chat.send')} disabled={busy || draft.text.trim() === ''}>
        <Icon name="send" />
      </button>
    </form>
  );
}
