import { useQuery, useSubscription } from 'urql';
import { useSession } from '../api/session.ts';
import { Icon } from '../components/icon.tsx';
import { Figure, Panel } from '../components/panel.tsx';
import { SignedOut } from '../components/signed-out.tsx';
import { Failed, Loading, NotFound } from '../components/states.tsx';
import {
  OrderNewsDocument,
  OrderPageDocument,
  type OrderPageFieldsFragment,
  type OrderState,
} from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { Link, paths } from '../routing.tsx';
import { OrderActions } from './order-actions.tsx';
import { StateChip } from './orders-page.tsx';

/** The way of an order that goes well. */
const STEPS: readonly OrderState[] = ['PAID', 'PREPARING', 'SHIPPED', 'DELIVERED', 'COMPLETED'];

/** An order, as its page asks for it. */
export type OrderShown = OrderPageFieldsFragment;

/** One order: where it stands, and what one can do. It moves as the order does. */
export function OrderPage({ orderId }: { orderId: string }) {
  const { t } = useLanguage();
  const session = useSession();
  return session ? <Shown orderId={orderId} /> : <SignedOut text={t('orders.signIn')} />;
}

function Shown({ orderId }: { orderId: string }) {
  const { t, date } = useLanguage();
  const [{ data, error }, ask] = useQuery({
    query: OrderPageDocument,
    variables: { id: orderId },
    requestPolicy: 'network-only',
  });
  const reload = () => ask({ requestPolicy: 'network-only' });
  useSubscription({ query: OrderNewsDocument, variables: { orderId } }, (_, news) => {
    reload();
    return news;
  });
  if (!data) return error ? <Failed onRetry={reload} /> : <Loading />;
  if (data.node?.__typename !== 'Order') return <NotFound />;
  const order = data.node;
  return (
    <div className="page order" data-state={order.state}>
      <Link to={paths.orders} className="button button-quiet order-back">
        {t('orders.back')}
      </Link>
      <h1 className="page-title">
        <bdi>{t('orders.number', { number: order.number })}</bdi> <StateChip state={order.state} />
      </h1>
      <Stepper order={order} />
      <div className="studio-columns">
        <Lines order={order} />
        <Deliveries order={order} />
        <Panel icon="clock" title={t('orders.timeline')}>
          <ol className="lines">
            {order.timeline.map(({ state, at }) => (
              <li key={`${state}-${at}`} className="line">
                <span className="line-words">{t(`orders.state.${state}`)}</span>
                <span className="dim">{date(at)}</span>
              </li>
            ))}
          </ol>
          <OrderActions order={order} onChange={reload} />
        </Panel>
      </div>
    </div>
  );
}

function Stepper({ order }: { order: OrderShown }) {
  const { t } = useLanguage();
  const reached = Math.max(...order.timeline.map(({ state }) => STEPS.indexOf(state)));
  const isOff = !STEPS.includes(order.state) && order.state !== 'PENDING_PAYMENT';
  return (
    <ol className={isOff ? 'stepper stepper-off' : 'stepper'}>
      {STEPS.map((state, index) => (
        <li
          key={state}
          className={index <= reached ? 'step step-done' : 'step'}
          aria-current={state === order.state ? 'step' : undefined}
        >
          <span className="step-dot">{index <= reached && <Icon name="check" size={14} />}</span>
          {t(`orders.state.${state}`)}
        </li>
      ))}
    </ol>
  );
}

function Lines({ order }: { order: OrderShown }) {
  const { t, money, date } = useLanguage();
  return (
    <Panel icon="bag" title={t('orders.from', { merchant: order.merchant.name })}>
      <ul className="lines">
        {order.lines.map(({ id, quantity, unitPrice, variant, downloadUrl }) => (
          <li key={id} className="line">
            <span className="line-words">
              <strong dir="auto">{t('orders.pieces', { count: quantity, title: variant.product.title })}</strong>
              <span className="dim" dir="auto">
                {variant.title}
              </span>
            </span>
            {downloadUrl && (
              <a className="button button-small" href={downloadUrl} rel="noreferrer" target="_blank">
                {t('orders.download')}
              </a>
            )}
            <span>{money(unitPrice)}</span>
          </li>
        ))}
      </ul>
      <dl className="figures">
        <Figure strong label={t('orders.total')} value={money(order.total)} />
      </dl>
      {order.refunded.minorUnits > 0 && (
        <p className="chip chip-good">{t('orders.refunded', { price: money(order.refunded) })}</p>
      )}
      {order.releaseAt && <p className="dim">{t('orders.release', { date: date(order.releaseAt) })}</p>}
    </Panel>
  );
}

function Deliveries({ order }: { order: OrderShown }) {
  const { t, date } = useLanguage();
  const { address, shipments, vouchers } = order;
  if (shipments.length + vouchers.length === 0) return null;
  return (
    <Panel icon="truck" title={t(vouchers.length > 0 ? 'orders.vouchers' : 'orders.shipments')}>
      <ul className="lines">
        {shipments.map(({ id, state, carrier, trackingNumber, etaAt }) => (
          <li key={id} className="line">
            <span className="line-words">
              <strong>{t(`orders.ship.${state}`)}</strong>
              <span className="dim">
                {carrier && <bdi>{t('orders.tracking', { carrier, number: trackingNumber ?? '' })} </bdi>}
                {etaAt && state !== 'DELIVERED' && t('orders.eta', { date: date(etaAt) })}
              </span>
            </span>
          </li>
        ))}
        {vouchers.map(({ id, code, state }) => (
          <li key={id} className="line">
            <code className="line-words voucher" dir="ltr">
              {code}
            </code>
            {state === 'VERIFIED' && <span className="chip chip-good">{t('orders.voucherUsed')}</span>}
            {state === 'CANCELLED' && <span className="chip">{t('orders.voucherVoid')}</span>}
          </li>
        ))}
      </ul>
      {address && (
        <p className="dim">
          {t('orders.address')}: <bdi>{[address.name, address.line1, address.city, address.country].join(', ')}</bdi>
        </p>
      )}
    </Panel>
  );
}
