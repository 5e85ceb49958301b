import { useRef, useState } from 'react';
import { useQuery } from 'urql';
import { newKey, perform } from '../api/perform.ts';
import { type Problem, problemText } from '../api/problem.ts';
import { Dialog } from '../components/dialog.tsx';
import { Icon } from '../components/icon.tsx';
import { PaymentChoice, type PaymentToken } from '../components/payment-choice.tsx';
import { Loading } from '../components/states.tsx';
import { BuyCoinsDocument, PacksDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

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

/** Buys packs. The key of one that is not answered for is kept: pressed again, it is the same purchase. */
function useCoinPurchase(paymentToken: PaymentToken) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [bought, setBought] = useState<number>();
  const open = useRef<{ intent: string; key: string } | undefined>(undefined);
  const buy = async (packId: string) => {
    const intent = `${packId} ${paymentToken}`;
    if (open.current?.intent !== intent) open.current = { intent, key: newKey() };
    setBusy(true);
    setProblem(undefined);
    const input = { packId, paymentToken, idempotencyKey: open.current.key };
    const outcome = await perform(BuyCoinsDocument, { input });
    setBusy(false);
    if (outcome.ok) setBought(outcome.value.wallet.coins);
    else setProblem(outcome.problem);
    const unknown = !outcome.ok && ['NoAnswer', 'PaymentPendingError'].includes(outcome.problem.__typename);
    if (!unknown) open.current = undefined;
  };
  return { buy, busy, problem, bought };
}
