import { useState } from 'react';
import { useCountdown } from '../api/clock.ts';
import { perform } from '../api/perform.ts';
import { Icon } from '../components/icon.tsx';
import { useProblems } from '../components/problems.tsx';
import { useSignedIn } from '../components/sign-in.tsx';
import type { Box } from '../feed/types.ts';
import { ClaimBoxDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

/** The treasure boxes that wait, or are open. */
export function Boxes({ boxes }: { boxes: readonly Box[] }) {
  return boxes.map((box) => <BoxView key={box.id} box={box} />);
}

function BoxView({ box }: { box: Box }) {
  const { t, clock } = useLanguage();
  const signedIn = useSignedIn();
  const problems = useProblems();
  const left = useCountdown(box.opensAt);
  const [share, setShare] = useState(box.myShare);
  const [busy, setBusy] = useState(false);
  const claim = async () => {
    if (!signedIn()) return;
    setBusy(true);
    const outcome = await perform(ClaimBoxDocument, { input: { boxId: box.id } });
    setBusy(false);
    if (outcome.ok) setShare(outcome.value.coins);
    else problems.show(outcome.problem);
  };
  return (
    <section className="card box">
      <Icon name="box" size={28} />
      <div className="box-words">
        <strong>{t('box.title', { name: box.funder.displayName })}</strong>
        <span className="dim">{t('box.shares', { count: box.remaining })}</span>
      </div>
      {share !== null ? (
        <span className="chip chip-good">{t('box.yours', { count: share })}</span>
      ) : (
        <button
          type="button"
          className="button button-primary"
          disabled={busy || box.state !== 'OPEN' || box.remaining === 0}
          onClick={() => void claim()}
        >
          {box.state === 'OPEN' ? t('box.claim') : clock(left)}
        </button>
      )}
    </section>
  );
}
