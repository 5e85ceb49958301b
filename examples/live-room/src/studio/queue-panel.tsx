import { Panel } from '../components/panel.tsx';
import { useAction } from '../components/use-action.ts';
import { PerformReactionDocument, SetAutoPerformDocument, SkipReactionDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import type { StudioStream } from './on-air.tsx';

type Props = { stream: StudioStream; autoPerforms: boolean; onChange: () => void; onAuto: () => void };

/** What viewers have earned, and wait for. */
export function QueuePanel({ stream, autoPerforms, onChange, onAuto }: Props) {
  const { t, clock } = useLanguage();
  const play = useAction(PerformReactionDocument, onChange);
  const skip = useAction(SkipReactionDocument, onChange);
  const auto = useAction(SetAutoPerformDocument, onAuto);
  const busy = play.busy || skip.busy;
  return (
    <Panel
      icon="star"
      title={t('studio.queue')}
      aside={
        <label className="switch">
          <input
            type="checkbox"
            checked={autoPerforms}
            disabled={auto.busy}
            onChange={({ target }) => void auto.run({ input: { enabled: target.checked } })}
          />
          {t('studio.auto')}
        </label>
      }
    >
      {stream.reactionQueue.length === 0 && <p className="dim">{t('studio.queueEmpty')}</p>}
      <ol className="lines">
        {stream.reactionQueue.map(({ id, phrase, sender, etaMs }) => {
          const seconds = Math.ceil((etaMs ?? 0) / 1000);
          return (
            <li key={id} className="line" data-reaction={id}>
              <span className="line-words">
                <strong dir="auto">{phrase}</strong>
                <span className="dim">
                  {t('studio.forWhom', { name: sender.displayName })} ·{' '}
                  {seconds === 0 ? t('studio.now') : t('studio.eta', { time: clock(seconds) })}
                </span>
              </span>
              <button
                type="button"
                className="button button-primary button-small"
                disabled={busy}
                onClick={() => void play.run({ input: { reactionId: id } })}
              >
                {t('studio.perform')}
              </button>
              <button
                type="button"
                className="button button-small"
                title={t('studio.skipHint')}
                disabled={busy}
                onClick={() => void skip.run({ input: { reactionId: id } })}
              >
                {t('studio.skip')}
              </button>
            </li>
          );
        })}
      </ol>
    </Panel>
  );
}
