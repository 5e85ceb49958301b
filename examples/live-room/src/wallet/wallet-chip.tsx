import { useSubscription } from 'urql';
import { Icon } from '../components/icon.tsx';
import { WalletUpdatesDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { useTopUp } from './top-up.tsx';

/** The coins that one has, as they change. Pressed, it sells more. */
export function WalletChip() {
  const { t, number } = useLanguage();
  const topUp = useTopUp();
  const [{ data }] = useSubscription({ query: WalletUpdatesDocument });
  const coins = data?.walletUpdates.coins;
  return (
    <button
      type="button"
      className="wallet-chip"
      data-coins={coins}
      aria-label={coins === undefined ? t('topUp.title') : t('wallet.chip', { count: coins })}
      onClick={topUp}
    >
      <Icon name="coin" />
      <span>{coins === undefined ? '…' : number(coins)}</span>
      <Icon name="plus" size={14} />
    </button>
  );
}
