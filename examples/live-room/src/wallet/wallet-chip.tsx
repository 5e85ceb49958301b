import { useSubscription } from 'urql';
import { Icon } from '../components/icon.tsx';
import { WalletUpdatesDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

/** The coins that one has, as they change. */
export function WalletChip() {
  const { t, number } = useLanguage();
  const [{ data }] = useSubscription({ query: WalletUpdatesDocument });
  const coins = data?.walletUpdates.coins;
  return (
    <span className="chip chip-gold wallet-chip" title={t('nav.wallet')}>
      <Icon name="coin" /> {coins === undefined ? '…' : number(coins)}
    </span>
  );
}
