import { type FormEvent, useState } from 'react';
import { serverNow } from '../api/clock.ts';
import { Avatar } from '../components/avatar.tsx';
import { Icon } from '../components/icon.tsx';
import { Panel } from '../components/panel.tsx';
import { useAction } from '../components/use-action.ts';
import {
  BlockWordsDocument,
  type ModerationQuery,
  RemoveModeratorDocument,
  SetSlowModeDocument,
  UnbanViewerDocument,
  UnblockWordsDocument,
  UnmuteViewerDocument,
} from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

/** Seconds between two messages of somebody that one can choose. */
const SLOW_MODE_SECONDS = [0, 5, 15, 60, 300] as const;
/** Characters of a word or phrase at the most. */
const PHRASE_LENGTH_MAX = 100;

type Stream = NonNullable<ModerationQuery['liveStream']>;
type Props = { data: ModerationQuery; stream: Stream; creatorId: string; onChange: () => void };

/** The rules of talking in the stream: how fast, without which words, who sees to it, and who is shut out now. */
export function ModerationPanel({ data, stream, creatorId, onChange }: Props) {
  const { t } = useLanguage();
  return (
    <Panel icon="shield" title={t('studio.moderation')}>
      <SlowMode stream={stream} onChange={onChange} />
      <Words words={data.blockedWords} creatorId={creatorId} onChange={onChange} />
      <Moderators stream={stream} creatorId={creatorId} onChange={onChange} />
      <ShutOut log={data.moderationLog.edges.map(({ node }) => node)} creatorId={creatorId} onChange={onChange} />
    </Panel>
  );
}

function SlowMode({ stream: { id, slowModeSeconds }, onChange }: Pick<Props, 'stream' | 'onChange'>) {
  const { t, number } = useLanguage();
  const set = useAction(SetSlowModeDocument, onChange);
  const choices = [...new Set([...SLOW_MODE_SECONDS, slowModeSeconds])].sort((a, b) => a - b);
  return (
    <label className="field">
      {t('studio.slowMode')}
      <select
        className="input input-square"
        value={slowModeSeconds}
        disabled={set.busy}
        onChange={({ target }) => void set.run({ input: { streamId: id, seconds: Number(target.value) } })}
      >
        {choices.map((seconds) => (
          <option key={seconds} value={seconds}>
            {seconds === 0 ? t('studio.slowModeOff') : t('studio.slowModeEvery', { seconds: number(seconds) })}
          </option>
        ))}
      </select>
    </label>
  );
}

function Words({ words, creatorId, onChange }: { words: readonly string[] } & Pick<Props, 'creatorId' | 'onChange'>) {
  const { t } = useLanguage();
  const [draft, setDraft] = useState('');
  const block = useAction(BlockWordsDocument, onChange);
  const unblock = useAction(UnblockWordsDocument, onChange);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (await block.run({ input: { creatorId, phrases: [draft.trim()] } })) setDraft('');
  };
  return (
    <form className="fields fields-one" onSubmit={(event) => void submit(event)}>
      <label className="field">
        {t('studio.words')}
        <input
          className="input"
          dir="auto"
          maxLength={PHRASE_LENGTH_MAX}
          value={draft}
          onChange={({ target }) => setDraft(target.value)}
        />
      </label>
      <button type="submit" className="button field-button" disabled={block.busy || draft.trim() === ''}>
        {t('studio.wordsBlock')}
      </button>
      <ul className="words field-wide" aria-label={t('studio.wordsBlocked')}>
        {words.map((word) => (
          <li key={word} className="chip">
            <bdi>{word}</bdi>
            <button
              type="button"
              className="chip-button"
              aria-label={t('studio.wordsAllow', { word })}
              disabled={unblock.busy}
              onClick={() => void unblock.run({ input: { creatorId, phrases: [word] } })}
            >
              <Icon name="close" size={12} />
            </button>
          </li>
        ))}
      </ul>
    </form>
  );
}

function Moderators({ stream, creatorId, onChange }: Pick<Props, 'stream' | 'creatorId' | 'onChange'>) {
  const { t } = useLanguage();
  const dismiss = useAction(RemoveModeratorDocument, onChange);
  const { moderators } = stream.creator;
  return (
    <>
      <h3>{t('studio.moderators')}</h3>
      {moderators.length === 0 && <p className="dim">{t('studio.moderatorsNone')}</p>}
      <ul className="lines">
        {moderators.map(({ id, handle, displayName }) => (
          <li key={id} className="line">
            <Avatar name={handle} size={28} />
            <strong className="line-words">
              <bdi>{displayName}</bdi>
            </strong>
            <button
              type="button"
              className="button button-small"
              disabled={dismiss.busy}
              onClick={() => void dismiss.run({ input: { creatorId, viewerId: id } })}
            >
              {t('studio.dismiss')}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

type Action = ModerationQuery['moderationLog']['edges'][number]['node'];
const ENDS = { MUTED: 'UNMUTED', BANNED: 'UNBANNED' } as const;

/** What holds still of what was done last: newest first, without what was ended or replaced since. */
function standing(log: readonly Action[]): Action[] {
  const settled = new Set<string>();
  return log.filter(({ kind, viewer, until }) => {
    if (!viewer || !(kind in ENDS || kind === 'UNMUTED' || kind === 'UNBANNED')) return false;
    const what = `${viewer.id} ${kind.replace('UNMUTED', 'MUTED').replace('UNBANNED', 'BANNED')}`;
    const isNewest = !settled.has(what);
    settled.add(what);
    return isNewest && kind in ENDS && (until === null || Date.parse(until) > serverNow());
  });
}

function ShutOut({ log, creatorId, onChange }: { log: readonly Action[] } & Pick<Props, 'creatorId' | 'onChange'>) {
  const { t, time } = useLanguage();
  const unmute = useAction(UnmuteViewerDocument, onChange);
  const unban = useAction(UnbanViewerDocument, onChange);
  const shut = standing(log);
  return (
    <>
      <h3>{t('studio.shutOut')}</h3>
      {shut.length === 0 && <p className="dim">{t('studio.shutOutNone')}</p>}
      <ul className="lines">
        {shut.map(({ id, kind, viewer, until }) => (
          <li key={id} className="line">
            <Avatar name={viewer!.handle} size={28} />
            <span className="line-words">
              <strong>
                <bdi>{viewer!.displayName}</bdi>
              </strong>
              <span className="dim">
                {until ? t('studio.mutedUntil', { time: time(until) }) : t('studio.bannedNow')}
              </span>
            </span>
            <button
              type="button"
              className="button button-small"
              disabled={unmute.busy || unban.busy}
              onClick={() =>
                void (kind === 'MUTED' ? unmute : unban).run({ input: { creatorId, viewerId: viewer!.id } })
              }
            >
              {t(kind === 'MUTED' ? 'studio.unmute' : 'studio.unban')}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
