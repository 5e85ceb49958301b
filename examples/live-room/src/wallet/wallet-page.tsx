import { useState } from 'react';
import { useQuery, useSubscription } from 'urql';
import { problemText } from '../api/problem.ts';
import { useSession } from '../api/session.ts';
import { Icon } from '../components/icon.tsx';
import { SignedOut } from '../components/signed-out.tsx';
import { Failed, Loading } from '../components/states.tsx';
import { WalletPageDocument, type WalletPageQuery, WalletUpdatesDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { CapsPanel } from './caps-panel.tsx';
import { useCoinPurchase } from './coin-purchase.ts';
import { HistoryPanel } from './history-panel.tsx';

/** The sandbox's token that pays. */
const PAYMENT_TOKEN = 'tok_ok';

/** A wallet, as its page asks for it. */
export type WalletShown = NonNullable<WalletPageQuery['me']>['wallet'];

/** Coins: how many, for how much, where they went, and how many may go. */
export function WalletPage() {
  const { t } = useLanguage();
  const session = useSession();
  return session ? <Wallet /> : <SignedOut text={t('wallet.signIn')} />;
}

function Wallet() {
  const { t, number } = useLanguage();
  const [{ data: news }] = useSubscription({ query: WalletUpdatesDocument });
  const coins = news?.walletUpdates.coins;
  const [{ data, error }, ask] = useQuery({ query: WalletPageDocument, requestPolicy: 'network-only' });
  const reload = () => ask({ requestPolicy: 'network-only' });
  const wallet = data?.me?.wallet;
  if (!wallet) return error ? <Failed onRetry={reload} /> : <Loading />;
  return (
    <div className="page">
      <h1 className="page-title">{t('wallet.title')}</h1>
      <div className="studio-columns">
        <section className="card balance" aria-label={t('wallet.coins')}>
          <span className="dim">{t('wallet.coins')}</span>
          <strong className="balance-coins">
            <Icon name="coin" size={40} /> {number(coins ?? wallet.coins)}
          </strong>
          {wallet.debt > 0 && <p className="notice notice-bad">{t('wallet.debt', { count: wallet.debt })}</p>}
          <Packs packs={data.coinPacks} onBought={reload} />
        </section>
        <CapsPanel caps={wallet.spendingCaps} onChange={reload} />
        <HistoryPanel key={coins} />
      </div>
    </div>
  );
}

function Packs({ packs, onBought }: { packs: WalletPageQuery['coinPacks']; onBought: () => void }) {
  const language = useLanguage();
  const { t, number, money } = language;
  const [bought, setBought] = useState<number>();
  const { buy, busy, problem } = useCoinPurchase(PAYMENT_TOKEN);
  const press = async (pack: WalletPageQuery['coinPacks'][number]) => {
    setBought(undefined);
    if (!(await buy(pack.id))) return;
    setBought(pack.coins);
    onBought();
  };
  return (
    <>
      <h2>{t('wallet.topUp')}</h2>
      <ul className="packs">
        {packs.map((pack) => (
          <li key={pack.id}>
            <button
              type="button"
              className="pack"
              disabled={busy}
              aria-description={t('wallet.buy', { count: pack.coins, price: money(pack.price) })}
              onClick={() => void press(pack)}
            >
              <strong>
                <Icon name="coin" size={16} /> {number(pack.coins)}
              </strong>
              <span>{money(pack.price)}</span>
            </button>
          </li>
        ))}
      </ul>
      <div role="alert">{problem && <p className="notice notice-bad">{problemText(problem, language)}</p>}</div>
      <p className="dim" role="status">
        {bought === undefined ? t('wallet.sandbox') : t('wallet.bought', { count: bought })}
      </p>
    </>
  );
}
