import { type FormEvent, useState } from 'react';
import { Dialog } from '../components/dialog.tsx';
import { useAction } from '../components/use-action.ts';
import { CancelOrderDocument, RequestRefundDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import type { OrderShown } from './order-page.tsx';

const REASON_LENGTH_MAX = 200;

/** What a buyer can still do: what the order itself says may come next. */
export function OrderActions({ order, onChange }: { order: OrderShown; onChange: () => void }) {
  const { t } = useLanguage();
  const [asking, setAsking] = useState<'cancel' | 'refund'>();
  const done = () => {
    setAsking(undefined);
    onChange();
  };
  const cancel = useAction(CancelOrderDocument, done);
  return (
    <div className="row">
      {order.nextStates.includes('CANCELLED') && (
        <button type="button" className="button" onClick={() => setAsking('cancel')}>
          {t('orders.cancel')}
        </button>
      )}
      {order.nextStates.includes('REFUND_REQUESTED') && (
        <button type="button" className="button" onClick={() => setAsking('refund')}>
          {t('orders.refund')}
        </button>
      )}
      {asking === 'cancel' && (
        <Dialog title={t('orders.cancelSure')} onClose={() => setAsking(undefined)}>
          <div className="row row-end">
            <button type="button" className="button" onClick={() => setAsking(undefined)}>
              {t('orders.close')}
            </button>
            <button
              type="button"
              className="button button-primary"
              disabled={cancel.busy}
              onClick={() => void cancel.run({ input: { orderId: order.id } })}
            >
              {t('orders.cancel')}
            </button>
          </div>
        </Dialog>
      )}
      {asking === 'refund' && <RefundDialog orderId={order.id} onClose={() => setAsking(undefined)} onDone={done} />}
    </div>
  );
}

function RefundDialog({ orderId, onClose, onDone }: { orderId: string; onClose: () => void; onDone: () => void }) {
  const { t } = useLanguage();
  const [reason, setReason] = useState('');
  const request = useAction(RequestRefundDocument, onDone);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void request.run({ input: { orderId, reason: reason.trim() } });
  };
  return (
    <Dialog title={t('orders.refund')} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <label className="field">
          {t('orders.refundReason')}
          <input
            className="input"
            dir="auto"
            required
            maxLength={REASON_LENGTH_MAX}
            value={reason}
            onChange={({ target }) => setReason(target.value)}
          />
        </label>
        <button type="submit" className="button button-primary" disabled={request.busy || reason.trim() === ''}>
          {t('orders.refundSend')}
        </button>
      </form>
    </Dialog>
  );
}
