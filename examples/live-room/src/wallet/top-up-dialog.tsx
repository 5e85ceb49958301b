import { useState } from 'react';
import { useQuery } from 'urql';
import { problemText } from '../api/problem.ts';
import { Dialog } from '../components/dialog.tsx';
import { Icon } from '../components/icon.tsx';
import { PaymentChoice, type PaymentToken } from '../components/payment-choice.tsx';
import { Loading } from '../components/states.tsx';
import { PacksDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { useCoinPurchase } from './coin-purchase.ts';

/** Coins by the pack. */
export function TopUpDialog({ onClose }: { onClose: () => void }) {
  const language = useLanguage();
  const { t, number, money } = language;
  const [{ data }] = useQuery({ query: PacksDocument });
  const [token, setToken] = useState<PaymentToken>('tok_ok');
  const { buy, busy, problem, bought } = useCoinPurchase(token);
  return (
    <Dialog title={t('topUp.title')} onClose={onClose}>
      <div className="stack">
        {!data && <Loading />}
        <ul className="packs">
          {data?.coinPacks.map(({ id, coins, price }) => (
            <li key={id}>
              <button type="button" className="pack" disabled={busy} data-pack={coins} onClick={() => void buy(id)}>
                <Icon name="coin" size={24} />
                <strong>{number(coins)}</strong>
                <span className="button button-primary button-small">{money(price)}</span>
              </button>
            </li>
          ))}
        </ul>
        <PaymentChoice chosen={token} onChoose={setToken} />
        <div role="alert">{problem && <p className="notice notice-bad">{problemText(problem, language)}</p>}</div>
        <div role="status">
          {bought !== undefined && <p className="notice">{t('topUp.done', { count: bought })}</p>}
        </div>
      </div>
    </Dialog>
  );
}
