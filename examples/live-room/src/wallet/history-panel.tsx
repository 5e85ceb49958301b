import { useState } from 'react';
import { useQuery } from 'urql';
import { GiftArt } from '../components/gift-art.tsx';
import { Icon, type IconName } from '../components/icon.tsx';
import { Panel } from '../components/panel.tsx';
import { Failed, Loading } from '../components/states.tsx';
import { giftName } from '../feed/gift-name.ts';
import { WalletPageDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import type { Translator } from '../i18n/translate.ts';
import type { WalletShown } from './wallet-page.tsx';

type Entry = WalletShown['history']['edges'][number]['node'];

const ICONS: Record<Entry['kind'], IconName> = {
  GIFT_SPENT: 'gift',
  GIFT_REFUNDED: 'undo',
  COIN_PURCHASE: 'plus',
  BOX_FUNDED: 'box',
  BOX_CLAIMED: 'box',
  BOX_RETURNED: 'box',
  COINS_CHARGED_BACK: 'undo',
  COIN_DEBT_PAID: 'check',
  DEMO_GRANT: 'star',
  OTHER: 'coin',
};

/** Every movement of coins, a page at a time. */
export function HistoryPanel() {
  const { t } = useLanguage();
  const [pages, setPages] = useState<(string | null)[]>([null]);
  return (
    <Panel icon="clock" title={t('wallet.history')}>
      {pages.map((after, index) => (
        <HistoryPage
          key={after ?? ''}
          after={after}
          onMore={index === pages.length - 1 ? (cursor) => setPages([...pages, cursor]) : undefined}
        />
      ))}
    </Panel>
  );
}

function HistoryPage({ after, onMore }: { after: string | null; onMore: ((cursor: string) => void) | undefined }) {
  const { t } = useLanguage();
  const [{ data, error }, ask] = useQuery({
    query: WalletPageDocument,
    variables: { after },
    requestPolicy: 'network-only',
  });
  const history = data?.me?.wallet.history;
  if (!history) return error ? <Failed onRetry={() => ask({ requestPolicy: 'network-only' })} /> : <Loading />;
  const { hasNextPage, endCursor } = history.pageInfo;
  return (
    <>
      {after === null && history.edges.length === 0 && <p className="dim">{t('wallet.empty')}</p>}
      <ul className="lines">
        {history.edges.map(({ node }) => (
          <EntryLine key={node.id} entry={node} />
        ))}
      </ul>
      {onMore && hasNextPage && endCursor && (
        <button type="button" className="button" onClick={() => onMore(endCursor)}>
          {t('wallet.earlier')}
        </button>
      )}
    </>
  );
}

function EntryLine({ entry }: { entry: Entry }) {
  const language = useLanguage();
  const { t, number, date } = language;
  const { kind, amount, balance, occurredAt, gift } = entry;
  return (
    <li className="line">
      {gift ? <GiftArt name={gift.name} size={26} /> : <Icon name={ICONS[kind]} />}
      <span className="line-words">
        <bdi>{whatHappened(entry, language)}</bdi>
        <span className="dim">{date(occurredAt)}</span>
      </span>
      <span className="line-end">
        <strong dir="ltr" className={amount > 0 ? 'plus' : undefined}>
          {amount > 0 ? '+' : '−'}
          {number(Math.abs(amount))}
        </strong>
        <span className="dim">{t('wallet.balance', { count: balance })}</span>
      </span>
    </li>
  );
}

/** A movement in words. */
function whatHappened({ kind, gift, purchase, box }: Entry, { t, money }: Translator): string {
  return t(`wallet.${kind}`, {
    count: gift?.quantity ?? 1,
    gift: gift ? giftName(t, gift.name) : '',
    name: gift?.creator.displayName ?? box?.funder.displayName ?? '',
    price: purchase ? money(purchase.price) : '',
  });
}
