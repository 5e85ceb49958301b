import { rows } from '../../db/database.ts';
import { createLookUp } from '../../db/look-up.ts';
import { builder } from '../../graphql/builder.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { toRowId } from '../../graphql/global-id.ts';
import { implementNode } from '../../graphql/node.ts';
import { ORDER_COLUMNS, type OrderRow } from './orders.api.ts';
import { OrderStateError } from './orders.errors.ts';
import { ORDER_STATES } from './orders.state.ts';

const STATES = {
  PENDING_PAYMENT: 'The charge is under way.',
  PAID: 'Charged; nothing is sent yet.',
  PREPARING: 'Being prepared.',
  SHIPPED: 'On its way.',
  DELIVERED: 'Arrived.',
  COMPLETED: 'Over: the merchant has the money.',
  CANCELLED: 'Called off before anything was sent.',
  REFUND_REQUESTED: 'The buyer wants the money back.',
  REFUNDED: 'The buyer has the money back.',
};

const OrderStateEnum = builder.enumType('OrderState', {
  description: 'The states of an order.',
  values: Object.fromEntries(ORDER_STATES.map((state) => [state, { description: STATES[state] }])) as Record<
    (typeof ORDER_STATES)[number],
    { description: string }
  >,
});

/** An order. */
export const OrderType = builder.objectRef<OrderRow>('Order');
implementNode(OrderType, {
  description: 'An order, for its buyer and its merchant.',
  loadMany: (ids, { services, actor }) => {
    const find = createLookUp(
      (orderIds: readonly bigint[]) =>
        rows<OrderRow>(
          services.db.pool,
          `/* orders.visible */ SELECT ${ORDER_COLUMNS} FROM shop_order o WHERE o.id = ANY($1)
              AND (o.buyer_id = $2 OR EXISTS (SELECT FROM merchant_member m WHERE m.merchant_id = o.merchant_id AND m.viewer_id = $2))`,
          [orderIds, actor?.id ?? 0n],
        ),
      ({ id }) => id,
    );
    return Promise.all(ids.map((id) => find(toRowId(id) ?? 0n)));
  },
  fields: (t) => ({
    number: t.exposeString('number', { description: 'What people call it by.' }),
    state: t.expose('state', { type: OrderStateEnum, description: 'Where it stands.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was placed.' }),
  }),
});

builder.objectType(OrderStateError, {
  name: 'OrderStateError',
  description: 'The order is not in a state that allows it. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ state: t.expose('state', { type: OrderStateEnum, description: 'Where the order stands.' }) }),
});
