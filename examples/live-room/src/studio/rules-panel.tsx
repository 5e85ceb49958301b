import { type FormEvent, useState } from 'react';
import { newKey } from '../api/perform.ts';
import { GiftArt } from '../components/gift-art.tsx';
import { Panel } from '../components/panel.tsx';
import { useAction } from '../components/use-action.ts';
import { giftName } from '../feed/gift-name.ts';
import { CreateRuleDocument, DeleteRuleDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import type { StudioCreator, StudioGift } from './studio-page.tsx';

/** Characters of a phrase, and gifts of a rule, at the most. */
const PHRASE_LENGTH_MAX = 200;
const QUANTITY_MAX = 1_000;

type Props = { rules: StudioCreator['reactionRules']; gifts: readonly StudioGift[]; onChange: () => void };

/** Which gift earns which reaction. */
export function RulesPanel({ rules, gifts, onChange }: Props) {
  const { t } = useLanguage();
  const remove = useAction(DeleteRuleDocument, onChange);
  return (
    <Panel icon="gift" title={t('studio.rules')}>
      {rules.length === 0 && <p className="dim">{t('studio.rulesEmpty')}</p>}
      <ul className="lines">
        {rules.map(({ id, phrase, minQuantity, minStreak, gift }) => {
          const values = { gift: giftName(t, gift.name), count: minStreak ?? minQuantity ?? 1 };
          return (
            <li key={id} className="line">
              <GiftArt name={gift.name} size={28} />
              <span className="line-words">
                <strong dir="auto">{phrase}</strong>
                <span className="dim">{t(minStreak ? 'studio.ruleStreak' : 'studio.rule', values)}</span>
              </span>
              <button
                type="button"
                className="button button-small"
                disabled={remove.busy}
                onClick={() => void remove.run({ input: { ruleId: id } })}
              >
                {t('studio.remove')}
              </button>
            </li>
          );
        })}
      </ul>
      <NewRule gifts={gifts} onChange={onChange} />
    </Panel>
  );
}

function NewRule({ gifts, onChange }: Pick<Props, 'gifts' | 'onChange'>) {
  const { t } = useLanguage();
  const [draft, setDraft] = useState({ giftId: gifts[0]?.id ?? '', phrase: '', count: '1', key: newKey() });
  const create = useAction(CreateRuleDocument, onChange);
  const change = (fields: Partial<typeof draft>) => setDraft({ ...draft, ...fields, key: newKey() });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const { giftId, phrase, count, key } = draft;
    const done = await create.run({
      input: { giftId, phrase: phrase.trim(), minQuantity: Number(count), idempotencyKey: key },
    });
    if (done) change({ phrase: '', count: '1' });
  };
  return (
    <form className="fields" onSubmit={(event) => void submit(event)}>
      <label className="field field-wide">
        {t('studio.rulePhrase')}
        <input
          className="input"
          dir="auto"
          required
          maxLength={PHRASE_LENGTH_MAX}
          value={draft.phrase}
          onChange={({ target }) => change({ phrase: target.value })}
        />
      </label>
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
      <label className="field">
        {t('studio.ruleCount')}
        <input
          className="input"
          type="number"
          min={1}
          max={QUANTITY_MAX}
          required
          value={draft.count}
          onChange={({ target }) => change({ count: target.value })}
        />
      </label>
      <button type="submit" className="button field-button" disabled={create.busy || draft.phrase.trim() === ''}>
        {t('studio.addRule')}
      </button>
    </form>
  );
}
