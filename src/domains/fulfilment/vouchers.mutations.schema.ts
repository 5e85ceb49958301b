import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { IdempotencyConflictError, NotFoundError } from '../../kernel/errors.ts';
import { OrderStateError } from '../orders/orders.errors.ts';
import { OrderStateEnum, OrderType } from '../orders/orders.schema.ts';
import { VoucherStateError } from './fulfilment.errors.ts';
import { orderFor, VoucherType } from './fulfilment.schema.ts';
import { VERIFICATION_CANCELLABLE_MINUTES, type VoucherChange } from './vouchers.ts';

/** Characters of a code as somebody types it, with whatever stands between. */
const CODE_LENGTH_MAX = 100;

function success<Name extends string>(name: Name, texts: { description: string; replayed: string }) {
  return builder.objectRef<VoucherChange>(name).implement({
    description: texts.description,
    fields: (t) => ({
      voucher: t.expose('voucher', { type: VoucherType, description: 'The voucher now.' }),
      orderState: t.field({
        type: OrderStateEnum,
        description: 'Where its order stands now.',
        resolve: ({ order }) => order.state,
      }),
      order: t.field({
        type: OrderType,
        nullable: true,
        description: 'Its order now; null when you send what others have sold: they and the buyer see it.',
        resolve: ({ order }, _args, context) => orderFor(order, context),
      }),
      replayed: t.exposeBoolean('replayed', { description: texts.replayed }),
    }),
  });
}

const VerifyVoucherInput = builder.inputType('VerifyVoucherInput', {
  description: 'The code that a buyer shows.',
  validate: rules.input({ code: rules.text(CODE_LENGTH_MAX), idempotencyKey: rules.idempotencyKey }),
  fields: (t) => ({
    code: t.string({
      required: true,
      description: 'As typed: case, spaces and dashes do not count, nor does O for 0.',
    }),
    idempotencyKey: t.string({
      required: true,
      description: 'Your name for this verification, 1 to 64 characters: repeat the call with it as often as you like.',
    }),
  }),
});

builder.mutationField('verifyVoucher', (t) =>
  t.field({
    type: success('VerifyVoucherSuccess', {
      description: 'The voucher is good, and used now.',
      replayed: 'True if an earlier call with this key had verified it.',
    }),
    description: 'Verifies a voucher of a service that you provide, once.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: VerifyVoucherInput, required: true, description: 'The code.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, IdempotencyConflictError, VoucherStateError, OrderStateError],
      union: { description: 'What `verifyVoucher` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.fulfilment.vouchers.verify(requireActor(context), {
        code: input.code,
        key: input.idempotencyKey,
      }),
  }),
);

const CancelVerificationInput = builder.inputType('CancelVerificationInput', {
  description: 'The voucher that was verified by mistake.',
  fields: (t) => ({ voucherId: t.id({ required: true, description: 'Global id of a voucher of yours to verify.' }) }),
});

builder.mutationField('cancelVerification', (t) =>
  t.field({
    type: success('CancelVerificationSuccess', {
      description: 'The voucher can be used again.',
      replayed: 'True if it was unused already: nothing has changed.',
    }),
    description: `Takes the verification of a voucher back, within ${VERIFICATION_CANCELLABLE_MINUTES} minutes of it.`,
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: CancelVerificationInput, required: true, description: 'The voucher.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, VoucherStateError, OrderStateError],
      union: { description: 'What `cancelVerification` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.fulfilment.vouchers.cancelVerification(
        requireActor(context),
        fromGlobalId('Voucher', input.voucherId, 'voucher'),
      ),
  }),
);
