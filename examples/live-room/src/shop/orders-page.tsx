import { useQuery } from 'urql';
import { Failed, Loading, NotFound } from '../components/states.tsx';
import { OneOrderDocument, OrdersDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { OrderCard } from './order-card.tsx';

/** Orders on the page at the most. */
const ORDERS_MAX = 20;

/** What one has bought, newest first, each as it goes on. */
export function OrdersPage() {
  const { t } = useLanguage();
  const [{ data, error }, again] = useQuery({ query: OrdersDocument, variables: { first: ORDERS_MAX } });
  if (!data) return error ? <Failed onRetry={again} /> : <Loading />;
  const orders = data.me?.orders.edges.map(({ node }) => node) ?? [];
  return (
    <div className="page page-narrow">
      <h1 className="page-title">{t('nav.orders')}</h1>
      {orders.length === 0 && <p className="centred">{t(data.me ? 'orders.empty' : 'problem.notSignedIn')}</p>}
      <div className="stack">
        {orders.map((order) => (
          <OrderCard key={order.id} order={order} />
        ))}
      </div>
    </div>
  );
}

/** One order. */
export function OrderPage({ orderId }: { orderId: string }) {
  const [{ data, error }, again] = useQuery({ query: OneOrderDocument, variables: { id: orderId } });
  if (!data) return error ? <Failed onRetry={again} /> : <Loading />;
  const order = data.node;
  if (order?.__typename !== 'Order') return <NotFound />;
  return (
    <div className="page page-narrow">
      <OrderCard order={order} />
    </div>
  );
}
