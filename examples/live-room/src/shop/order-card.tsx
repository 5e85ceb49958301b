import { useSubscription } from 'urql';
import { Icon } from '../components/icon.tsx';
import { type OrderFieldsFragment, type OrderState, OrderUpdatesDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { ProductArt } from './product-art.tsx';

/** The way of an order that goes well. */
const STEPS = ['PAID', 'PREPARING', 'SHIPPED', 'DELIVERED', 'COMPLETED'] as const satisfies readonly OrderState[];

/** An order as it is now, and goes on. */
export function OrderCard({ order: bought }: { order: OrderFieldsFragment }) {
  const { t, money, date, number } = useLanguage();
  const [{ data }] = useSubscription({ query: OrderUpdatesDocument, variables: { orderId: bought.id } });
  const order = data?.orderUpdates ?? bought;
  return (
    <article className="card order" data-order={order.number} data-state={order.state}>
      <header className="order-head">
        <strong dir="ltr">{order.number}</strong>
        <span className="dim">{date(order.createdAt)}</span>
        <strong>{money(order.total)}</strong>
      </header>
      {order.lines.map(({ id, quantity, variant, downloadUrl }) => (
        <div className="order-line" key={id}>
          <ProductArt kind={variant.product.kind} title={variant.product.title} size={44} />
          <span dir="auto">
            {variant.product.title} · {variant.title}
          </span>
          <span>×{number(quantity)}</span>
          {downloadUrl && <code dir="ltr">{downloadUrl}</code>}
        </div>
      ))}
      <Stepper state={order.state} />
      {order.vouchers.map(
        ({ id, code }) =>
          code && (
            <p className="notice" key={id}>
              {t('order.voucher')} <code dir="ltr">{code}</code>
            </p>
          ),
      )}
      {order.shipments.map(
        ({ id, carrier, trackingNumber }) =>
          trackingNumber && (
            <p className="dim" key={id}>
              <Icon name="truck" size={16} /> {carrier} <bdi dir="ltr">{trackingNumber}</bdi>
            </p>
          ),
      )}
    </article>
  );
}

function Stepper({ state }: { state: OrderState }) {
  const { t } = useLanguage();
  const reached = (STEPS as readonly OrderState[]).indexOf(state);
  if (reached < 0) {
    return (
      <p className="notice" role="status">
        {t(`order.${state}`)}
      </p>
    );
  }
  return (
    <ol className="steps" role="status">
      {STEPS.map((step, index) => (
        <li
          key={step}
          className={index < reached ? 'step step-done' : index === reached ? 'step step-now' : 'step'}
          aria-current={index === reached ? 'step' : undefined}
        >
          <i aria-hidden="true">{index <= reached && <Icon name="check" size={13} />}</i>
          <span>{t(`order.${step}`)}</span>
        </li>
      ))}
    </ol>
  );
}
