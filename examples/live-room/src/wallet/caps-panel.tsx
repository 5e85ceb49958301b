import { type FormEvent, useState } from 'react';
import { Panel } from '../components/panel.tsx';
import { useAction } from '../components/use-action.ts';
import { type CapPeriod, SetSpendingCapDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import type { WalletShown } from './wallet-page.tsx';

const PERIODS: readonly CapPeriod[] = ['GIFT', 'DAY', 'MONTH'];

type Props = { caps: WalletShown['spendingCaps']; onChange: () => void };

/** How much one lets oneself spend. */
export function CapsPanel({ caps, onChange }: Props) {
  const { t } = useLanguage();
  return (
    <Panel icon="shield" title={t('wallet.caps')}>
      <p className="dim">{t('wallet.capsText')}</p>
      <ul className="lines">
        {PERIODS.map((period) => (
          <Cap key={period} period={period} cap={caps.find((each) => each.period === period)} onChange={onChange} />
        ))}
      </ul>
    </Panel>
  );
}

function Cap({
  period,
  cap,
  onChange,
}: {
  period: CapPeriod;
  cap: Props['caps'][number] | undefined;
  onChange: () => void;
}) {
  const { t, date, number } = useLanguage();
  const [coins, setCoins] = useState('');
  const set = useAction(SetSpendingCapDocument, onChange);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (await set.run({ input: { period, coins: Number(coins) } })) setCoins('');
  };
  const inWords = (count: number | null) => (count === null ? t('wallet.capNone') : t('wallet.capCoins', { count }));
  return (
    <li className="line cap" data-cap={period}>
      <span className="line-words">
        <strong>
          {t(`wallet.cap${period}`)}: {inWords(cap?.coins ?? null)}
        </strong>
        {cap && period !== 'GIFT' && (
          <>
            <progress
              className="fill-bar"
              max={Math.max(1, cap.coins)}
              value={cap.coins - cap.remaining}
              aria-label={t(`wallet.cap${period}`)}
            />
            <span className="dim">
              {t('wallet.capLeft', { count: number(cap.remaining), date: date(cap.resetsAt) })}
            </span>
          </>
        )}
        {cap?.nextFrom && (
          <span className="chip chip-gold">
            {t('wallet.capNext', { cap: inWords(cap.nextCoins ?? null), date: date(cap.nextFrom) })}
          </span>
        )}
      </span>
      <form className="row" onSubmit={(event) => void submit(event)}>
        <input
          className="input input-short"
          type="number"
          min={1}
          required
          aria-label={t('wallet.capField', { period: t(`wallet.cap${period}`) })}
          value={coins}
          onChange={({ target }) => setCoins(target.value)}
        />
        <button type="submit" className="button button-small" disabled={set.busy || coins === ''}>
          {t('wallet.capSet')}
        </button>
        {cap && (
          <button
            type="button"
            className="button button-small"
            disabled={set.busy}
            onClick={() => void set.run({ input: { period, coins: null } })}
          >
            {t('wallet.capRemove')}
          </button>
        )}
      </form>
    </li>
  );
}
