import { Icon } from '../components/icon.tsx';
import type { TrustFieldsFragment } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

/** Why one may trust an offer: who sells, where the money waits, when it comes, whether the price is a good one. */
export function TrustList({ trust }: { trust: TrustFieldsFragment }) {
  const { t, money, percent } = useLanguage();
  const { sellerVerified, escrow, deliveryPromiseDays, lowestPriceLast30Days, disputeRate } = trust;
  return (
    <ul className="trust">
      <li className={sellerVerified ? 'trust-good' : ''}>
        <Icon name="shield" size={16} /> {t(sellerVerified ? 'trust.verified' : 'trust.unverified')}
      </li>
      {escrow && (
        <li className="trust-good">
          <Icon name="lock" size={16} /> {t('trust.escrow')}
        </li>
      )}
      {deliveryPromiseDays !== null && (
        <li>
          <Icon name="truck" size={16} /> {t('trust.delivery', { count: deliveryPromiseDays })}
        </li>
      )}
      {lowestPriceLast30Days && (
        <li>
          <Icon name="clock" size={16} /> {t('trust.lowest', { price: money(lowestPriceLast30Days) })}
        </li>
      )}
      {disputeRate !== null && (
        <li>
          <Icon name="chat" size={16} /> {t('trust.disputes', { share: percent(disputeRate) })}
        </li>
      )}
    </ul>
  );
}
