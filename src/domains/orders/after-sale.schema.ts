import { z } from 'zod';
import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, IdempotencyConflictError, InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import type { DisputeResult } from './after/disputes.ts';
import type { RefundResult, WantedBack } from './after/refunds.ts';
import { LINE_QUANTITY_MAX, LINES_MAX } from './buy/purchase.ts';
import type { OrderRow } from './orders.api.ts';
import { OrderStateError } from './orders.errors.ts';
import { DisputeType, OrderType, RefundType } from './orders.schema.ts';

/** Characters of a reason. */
const REASON_LENGTH_MAX = 500;
const reason = rules.text(REASON_LENGTH_MAX);
const REASON_DESCRIPTION = `Why, 1 to ${REASON_LENGTH_MAX} characters. The other side reads it.`;
const REPLAYED_DESCRIPTION = 'True if it was so before.';
const afterSaleErrors = [...commonErrors, NotFoundError, ForbiddenError, OrderStateError];
const orderId = { required: true, description: 'Global id of an order.' } as const;

const OrderLineQuantityInput = builder.inputType('OrderLineQuantityInput', {
  description: 'Some units of an order’s line.',
  validate: rules.input({ quantity: rules.count(LINE_QUANTITY_MAX) }),
  fields: (t) => ({
    lineId: t.id({ required: true, description: 'Id of a line of the order.' }),
    quantity: t.int({ required: true, description: `How many, 1 to ${LINE_QUANTITY_MAX}.` }),
  }),
});

const RefundLineInput = builder.inputType('RefundLineInput', {
  description: 'Units of a line to refund, and how many of them are back in stock.',
  validate: rules.input({
    quantity: rules.count(LINE_QUANTITY_MAX),
    restock: z.number().int().min(0, 'Must not be negative.'),
  }),
  fields: (t) => ({
    lineId: t.id({ required: true, description: 'Id of a line of the order.' }),
    quantity: t.int({ required: true, description: `How many, 1 to ${LINE_QUANTITY_MAX}.` }),
    restock: t.int({ required: true, defaultValue: 0, description: 'Of them, those that can be sold again.' }),
  }),
});

type LineInput = { lineId: string; quantity: number };

/** An empty list is all that is left, like none. */
function toLines(lines: readonly LineInput[] | null | undefined): WantedBack[] | undefined {
  if (!lines?.length) return undefined;
  if (lines.length > LINES_MAX) {
    throw new InvalidInputError([{ path: 'input.lines', message: `An order has ${LINES_MAX} lines at the most.` }]);
  }
  return lines.map(({ lineId, quantity }) => ({
    lineId: fromGlobalId('OrderLine', lineId, 'line'),
    quantity,
  }));
}

// ---- cancelOrder -------------------------------------------------------------------------------------------------------

const CancelOrderInput = builder.inputType('CancelOrderInput', {
  description: 'The order to cancel.',
  validate: rules.input({ reason: reason.nullish() }),
  fields: (t) => ({ orderId: t.id(orderId), reason: t.string({ description: REASON_DESCRIPTION }) }),
});

const CancelOrderSuccess = builder.objectRef<{ order: OrderRow; replayed: boolean }>('CancelOrderSuccess').implement({
  description: 'The order is cancelled; stock and money go back in full.',
  fields: (t) => ({
    order: t.expose('order', { type: OrderType, description: 'The order.' }),
    replayed: t.exposeBoolean('replayed', { description: REPLAYED_DESCRIPTION }),
  }),
});

builder.mutationField('cancelOrder', (t) =>
  t.field({
    type: CancelOrderSuccess,
    description:
      'Cancels an order that nothing was sent of, by its buyer or its merchant. Cancelling it again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: CancelOrderInput, required: true, description: 'The order.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, OrderStateError],
      union: { description: 'What `cancelOrder` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.orders.refunds.cancel(
        requireActor(context),
        fromGlobalId('Order', input.orderId, 'order'),
        input.reason?.trim() ?? 'Cancelled.',
      ),
  }),
);

// ---- refunds -----------------------------------------------------------------------------------------------------------

function refundSuccess(name: string, description: string) {
  return builder.objectRef<RefundResult>(name).implement({
    description,
    fields: (t) => ({
      order: t.expose('order', { type: OrderType, description: 'The order.' }),
      refund: t.expose('refund', { type: RefundType, description: 'The refund.' }),
      replayed: t.exposeBoolean('replayed', { description: REPLAYED_DESCRIPTION }),
    }),
  });
}

const RequestRefundInput = builder.inputType('RequestRefundInput', {
  description: 'What you want money back for.',
  validate: rules.input({ reason }),
  fields: (t) => ({
    orderId: t.id(orderId),
    lines: t.field({
      type: [OrderLineQuantityInput],
      description: 'Units of single lines; all that is left without it.',
    }),
    reason: t.string({ required: true, description: REASON_DESCRIPTION }),
  }),
});
const RequestRefundSuccess = refundSuccess('RequestRefundSuccess', 'The merchant has to decide.');

builder.mutationField('requestRefund', (t) =>
  t.field({
    type: RequestRefundSuccess,
    description:
      'A buyer asks for money back, in full or per line. While a request is open, asking again gives that one (replayed).',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: RequestRefundInput, required: true, description: 'The request.' }) },
    errors: { types: afterSaleErrors, union: { description: 'What `requestRefund` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.orders.refunds.request(requireActor(context), fromGlobalId('Order', input.orderId, 'order'), {
        lines: toLines(input.lines),
        reason: input.reason.trim(),
      }),
  }),
);

const ApproveRefundInput = builder.inputType('ApproveRefundInput', {
  description: 'The request to grant.',
  fields: (t) => ({
    refundId: t.id({ required: true, description: 'Id of the refund.' }),
    restock: t.field({ type: [OrderLineQuantityInput], description: 'Units that are back in stock; none without it.' }),
  }),
});
const ApproveRefundSuccess = refundSuccess('ApproveRefundSuccess', 'The money goes back to the buyer.');

builder.mutationField('approveRefund', (t) =>
  t.field({
    type: ApproveRefundSuccess,
    description: 'A merchant grants a request. Granting it again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: ApproveRefundInput, required: true, description: 'The request.' }) },
    errors: { types: afterSaleErrors, union: { description: 'What `approveRefund` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.orders.refunds.approve(
        requireActor(context),
        fromGlobalId('Refund', input.refundId, 'refund'),
        toLines(input.restock) ?? [],
      ),
  }),
);

const RejectRefundInput = builder.inputType('RejectRefundInput', {
  description: 'The request to refuse.',
  validate: rules.input({ reason }),
  fields: (t) => ({
    refundId: t.id({ required: true, description: 'Id of the refund.' }),
    reason: t.string({ required: true, description: REASON_DESCRIPTION }),
  }),
});
const RejectRefundSuccess = refundSuccess('RejectRefundSuccess', 'The order goes on where it was.');

builder.mutationField('rejectRefund', (t) =>
  t.field({
    type: RejectRefundSuccess,
    description: 'A merchant refuses a request; the buyer may open a dispute. Refusing it again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: RejectRefundInput, required: true, description: 'The request.' }) },
    errors: { types: afterSaleErrors, union: { description: 'What `rejectRefund` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.orders.refunds.reject(
        requireActor(context),
        fromGlobalId('Refund', input.refundId, 'refund'),
        input.reason.trim(),
      ),
  }),
);

const RefundOrderInput = builder.inputType('RefundOrderInput', {
  description: 'What to give money back for.',
  validate: rules.input({ reason, idempotencyKey: rules.idempotencyKey }),
  fields: (t) => ({
    orderId: t.id(orderId),
    lines: t.field({ type: [RefundLineInput], description: 'Units of single lines; all that is left without it.' }),
    reason: t.string({ required: true, description: REASON_DESCRIPTION }),
    idempotencyKey: t.string({ required: true, description: 'Your name for this refund, 1 to 64 characters.' }),
  }),
});
const RefundOrderSuccess = refundSuccess('RefundOrderSuccess', 'The money goes back to the buyer.');

builder.mutationField('refundOrder', (t) =>
  t.field({
    type: RefundOrderSuccess,
    description: 'A merchant gives money back without being asked, in full or per line.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: RefundOrderInput, required: true, description: 'The refund.' }) },
    errors: {
      types: [...afterSaleErrors, IdempotencyConflictError],
      union: { description: 'What `refundOrder` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.orders.refunds.refund(requireActor(context), fromGlobalId('Order', input.orderId, 'order'), {
        lines: toLines(input.lines)?.map((line, index) => ({ ...line, restock: input.lines![index]!.restock })),
        reason: input.reason.trim(),
        idempotencyKey: input.idempotencyKey,
      }),
  }),
);

// ---- disputes ----------------------------------------------------------------------------------------------------------

function disputeSuccess(name: string, description: string) {
  return builder.objectRef<DisputeResult>(name).implement({
    description,
    fields: (t) => ({
      order: t.expose('order', { type: OrderType, description: 'The order.' }),
      dispute: t.expose('dispute', { type: DisputeType, description: 'The dispute.' }),
      replayed: t.exposeBoolean('replayed', { description: REPLAYED_DESCRIPTION }),
    }),
  });
}

const OpenDisputeInput = builder.inputType('OpenDisputeInput', {
  description: 'The order to contest.',
  validate: rules.input({ reason }),
  fields: (t) => ({ orderId: t.id(orderId), reason: t.string({ required: true, description: REASON_DESCRIPTION }) }),
});
const OpenDisputeSuccess = disputeSuccess(
  'OpenDisputeSuccess',
  'The merchant does not get the money until it is decided.',
);

builder.mutationField('openDispute', (t) =>
  t.field({
    type: OpenDisputeSuccess,
    description:
      'A buyer contests an order that is on its way or delivered: its money stays in escrow until it is decided.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: OpenDisputeInput, required: true, description: 'The dispute.' }) },
    errors: { types: afterSaleErrors, union: { description: 'What `openDispute` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.orders.disputes.open(
        requireActor(context),
        fromGlobalId('Order', input.orderId, 'order'),
        input.reason.trim(),
      ),
  }),
);

const DisputeDecisionEnum = builder.enumType('DisputeDecision', {
  description: 'How a dispute is decided.',
  values: {
    REFUND: { description: 'For the buyer: all that is left goes back.' },
    REJECT: { description: 'For the merchant. Only the platform can.' },
  },
});

const ResolveDisputeInput = builder.inputType('ResolveDisputeInput', {
  description: 'The dispute to decide.',
  fields: (t) => ({
    disputeId: t.id({ required: true, description: 'Id of the dispute.' }),
    decision: t.field({ type: DisputeDecisionEnum, required: true, description: 'For whom.' }),
  }),
});
const ResolveDisputeSuccess = disputeSuccess('ResolveDisputeSuccess', 'The dispute is decided.');

builder.mutationField('resolveDispute', (t) =>
  t.field({
    type: ResolveDisputeSuccess,
    description:
      'Decides a dispute: the merchant may give in, those who act for the platform’s own shop may decide either way.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: ResolveDisputeInput, required: true, description: 'The decision.' }) },
    errors: { types: afterSaleErrors, union: { description: 'What `resolveDispute` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.orders.disputes.resolve(
        requireActor(context),
        fromGlobalId('Dispute', input.disputeId, 'dispute'),
        input.decision,
      ),
  }),
);
