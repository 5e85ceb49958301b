import { type FormEvent, useState } from 'react';
import { newKey } from '../api/perform.ts';
import { Panel } from '../components/panel.tsx';
import { useAction } from '../components/use-action.ts';
import { giftName } from '../feed/gift-name.ts';
import { EndGoalDocument, type GoalKind, StartGoalDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import type { StudioStream } from './on-air.tsx';
import type { StudioGift } from './studio-page.tsx';

const KINDS: readonly GoalKind[] = ['COINS', 'GIFTS', 'ORDERS'];
const TITLE_LENGTH_MAX = 100;
/** Goals that are shown when they are over. */
const OVER_SHOWN = 2;

type Props = { stream: StudioStream; gifts: readonly StudioGift[]; onChange: () => void };

/** What the crowd works towards. */
export function GoalsPanel({ stream, gifts, onChange }: Props) {
  const { t, number } = useLanguage();
  const end = useAction(EndGoalDocument, onChange);
  const open = stream.goals.filter(({ state }) => state === 'OPEN');
  const over = stream.goals.filter(({ state }) => state !== 'OPEN').slice(0, OVER_SHOWN);
  return (
    <Panel icon="target" title={t('studio.goals')}>
      {stream.goals.length === 0 && <p className="dim">{t('studio.goalsEmpty')}</p>}
      <ul className="lines">
        {[...open, ...over].map(({ id, title, kind, gift, progress, target, state }) => (
          <li key={id} className="line">
            <span className="line-words">
              <strong dir="auto">{title}</strong>
              <progress className="fill-bar" max={target} value={Math.min(progress, target)} aria-label={title} />
              <span className="dim">
                {number(progress)} / {number(target)} · {gift ? giftName(t, gift.name) : t(`studio.goal${kind}`)}
              </span>
            </span>
            {state === 'OPEN' ? (
              <button
                type="button"
                className="button button-small"
                disabled={end.busy}
                onClick={() => void end.run({ input: { goalId: id } })}
              >
                {t('studio.goalCancel')}
              </button>
            ) : (
              <span className={state === 'REACHED' ? 'chip chip-good' : 'chip'}>{t(`studio.goal${state}`)}</span>
            )}
          </li>
        ))}
      </ul>
      <NewGoal streamId={stream.id} gifts={gifts} onChange={onChange} />
    </Panel>
  );
}

function NewGoal({ streamId, gifts, onChange }: { streamId: string } & Pick<Props, 'gifts' | 'onChange'>) {
  const { t } = useLanguage();
  const [draft, setDraft] = useState({
    title: '',
    kind: 'COINS' as GoalKind,
    giftId: gifts[0]?.id ?? '',
    target: '500',
    key: newKey(),
  });
  const change = (fields: Partial<typeof draft>) => setDraft({ ...draft, ...fields, key: newKey() });
  const start = useAction(StartGoalDocument, onChange);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const { title, kind, giftId, target, key } = draft;
    const done = await start.run({
      input: {
        streamId,
        kind,
        title: title.trim(),
        target: Number(target),
        giftId: kind === 'GIFTS' ? giftId : null,
        idempotencyKey: key,
      },
    });
    if (done) change({ title: '' });
  };
  return (
    <form className="fields" onSubmit={(event) => void submit(event)}>
      <label className="field field-wide">
        {t('studio.goalTitle')}
        <input
          className="input"
          dir="auto"
          required
          maxLength={TITLE_LENGTH_MAX}
          value={draft.title}
          onChange={({ target }) => change({ title: target.value })}
        />
      </label>
      <label className="field">
        {t('studio.goalKind')}
        <select
          className="input"
          value={draft.kind}
          onChange={({ target }) => change({ kind: target.value as GoalKind })}
        >
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {t(`studio.goal${kind}`)}
            </option>
          ))}
        </select>
      </label>
      {draft.kind === 'GIFTS' && (
        <label className="field">
          {t('studio.ruleGift')}
          <select className="input" value={draft.giftId} onChange={({ target }) => change({ giftId: target.value })}>
            {gifts.map(({ id, name }) => (
              <option key={id} value={id}>
                {giftName(t, name)}
              </option>
            ))}
          </select>
        </label>
      )}
      <label className="field">
        {t('studio.goalTarget')}
        <input
          className="input"
          type="number"
          min={1}
          required
          value={draft.target}
          onChange={({ target }) => change({ target: target.value })}
        />
      </label>
      <button type="submit" className="button field-button" disabled={start.busy || draft.title.trim() === ''}>
        {t('studio.goalStart')}
      </button>
    </form>
  );
}
