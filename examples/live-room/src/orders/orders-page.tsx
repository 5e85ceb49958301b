import { useState } from 'react';
import { useQuery } from 'urql';
import { useSession } from '../api/session.ts';
import { SignedOut } from '../components/signed-out.tsx';
import { Failed, Loading } from '../components/states.tsx';
import { type OrderState, OrdersPageDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { Link, paths } from '../routing.tsx';

/** What one has bought, newest first. */
export function OrdersPage() {
  const { t } = useLanguage();
  const session = useSession();
  const [pages, setPages] = useState<(string | null)[]>([null]);
  if (!session) return <SignedOut text={t('orders.signIn')} />;
  return (
    <div className="page">
      <h1 className="page-title">{t('orders.title')}</h1>
      {pages.map((after, index) => (
        <Page
          key={after ?? ''}
          after={after}
          onMore={index === pages.length - 1 ? (cursor) => setPages([...pages, cursor]) : undefined}
        />
      ))}
    </div>
  );
}

function Page({ after, onMore }: { after: string | null; onMore: ((cursor: string) => void) | undefined }) {
  const { t, money, date } = useLanguage();
  const [{ data, error }, ask] = useQuery({
    query: OrdersPageDocument,
    variables: { after },
    requestPolicy: 'network-only',
  });
  const orders = data?.me?.orders;
  if (!orders) return error ? <Failed onRetry={() => ask({ requestPolicy: 'network-only' })} /> : <Loading />;
  const { hasNextPage, endCursor } = orders.pageInfo;
  return (
    <>
      {after === null && orders.edges.length === 0 && <p className="centred">{t('orders.empty')}</p>}
      <ul className="order-list">
        {orders.edges.map(({ node: { id, number, state, createdAt, total, merchant, lines } }) => (
          <li key={id}>
            <Link to={paths.order(id)} className="card order-card">
              <span className="line-words">
                <strong dir="auto">
                  {lines
                    .map(({ quantity, variant }) =>
                      t('orders.pieces', { count: quantity, title: variant.product.title }),
                    )
                    .join(', ')}
                </strong>
                <span className="dim">
                  <bdi>{t('orders.number', { number })}</bdi> ·{' '}
                  <bdi>{t('orders.from', { merchant: merchant.name })}</bdi> · {date(createdAt)}
                </span>
              </span>
              <StateChip state={state} />
              <strong>{money(total)}</strong>
            </Link>
          </li>
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

/** Where an order stands, in a word. */
export function StateChip({ state }: { state: OrderState }) {
  const { t } = useLanguage();
  const good = state === 'DELIVERED' || state === 'COMPLETED';
  return <span className={good ? 'chip chip-good' : 'chip chip-gold'}>{t(`orders.state.${state}`)}</span>;
}
