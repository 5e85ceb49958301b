import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors, ErrorInterface } from '../../graphql/errors.ts';
import { fromGlobalId, toGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import { ViewerType } from '../accounts/accounts.schema.ts';
import type { MerchantView } from './catalog.api.ts';
import { HandleTakenError, StockHeldError } from './catalog.errors.ts';
import {
  catalogRules,
  MERCHANT_NAME_LENGTH_MAX,
  PROMISE_MINUTES_MAX,
  STOCK_MAX,
  WAREHOUSE_NAME_LENGTH_MAX,
} from './catalog.rules.ts';
import { MerchantKindEnum, MerchantType } from './catalog.schema.ts';
import type { StockRow, WarehouseRow } from './merchants.repo.ts';

builder.objectType(HandleTakenError, {
  name: 'HandleTakenError',
  description: 'Another merchant has the handle.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ handle: t.exposeString('handle', { description: 'The handle that is taken.' }) }),
});
builder.objectType(StockHeldError, {
  name: 'StockHeldError',
  description: 'So much of the stock is set aside for purchases that are being paid.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ held: t.exposeInt('held', { description: 'Units that are set aside.' }) }),
});

const WarehouseType = builder.objectRef<WarehouseRow>('Warehouse').implement({
  description: 'Where stock lies, and how fast it gets to buyers. A kitchen and a salon are warehouses, too.',
  fields: (t) => ({
    id: t.id({ description: 'Global id, for `setStock`.', resolve: ({ id }) => toGlobalId('Warehouse', id) }),
    name: t.exposeString('name', { description: 'Its name, unique among the merchant’s own.' }),
    region: t.exposeString('region', { description: 'ISO 3166-1 alpha-2 code of its country: "AE".' }),
    shipsAbroad: t.exposeBoolean('shipsAbroad', { description: 'Whether it also sends to other regions.' }),
    promiseMinutes: t.exposeInt('promiseMinutes', {
      description: 'From payment to delivery, in its own region.',
    }),
  }),
});

const StockType = builder.objectRef<StockRow & { warehouse: WarehouseRow }>('Stock').implement({
  description: 'What there is of something in a warehouse.',
  fields: (t) => ({
    warehouse: t.expose('warehouse', { type: WarehouseType, description: 'Where.' }),
    onHand: t.exposeInt('onHand', { description: 'Units that are there.' }),
    held: t.exposeInt('held', { description: 'Units of them that are set aside for purchases that are being paid.' }),
  }),
});

builder.prismaObjectFields(ViewerType, (t) => ({
  merchants: t.field({
    type: [MerchantType],
    description: 'The merchants that you act for, oldest first.',
    select: { id: true },
    resolve: ({ id }, _args, { services }) => services.catalog.merchants.of(id),
  }),
}));

builder.objectField(MerchantType, 'warehouses', (t) =>
  t.field({
    type: [WarehouseType],
    nullable: true,
    description: 'Its warehouses, oldest first; null to everybody but those who act for it.',
    resolve: async ({ id }, _args, { services: { catalog }, actor }) =>
      (await catalog.isMember(actor, BigInt(id))) ? catalog.merchants.warehousesOf(BigInt(id)) : null,
  }),
);

// ---- registerMerchant --------------------------------------------------------------------------------------------------

const RegisterMerchantInput = builder.inputType('RegisterMerchantInput', {
  description: 'The merchant to make.',
  validate: rules.input({
    handle: catalogRules.handle,
    name: catalogRules.merchantName,
    kind: catalogRules.ownKind,
  }),
  fields: (t) => ({
    handle: t.string({ required: true, description: 'The unique name: 2 to 30 of a–z, 0–9, "_" and ".".' }),
    name: t.string({ required: true, description: `The name to show, 1 to ${MERCHANT_NAME_LENGTH_MAX} characters.` }),
    kind: t.field({ type: MerchantKindEnum, required: true, description: 'BRAND or RETAIL_PARTNER.' }),
  }),
});

const RegisterMerchantSuccess = builder
  .objectRef<{ merchant: MerchantView; replayed: boolean }>('RegisterMerchantSuccess')
  .implement({
    description: 'You act for the merchant.',
    fields: (t) => ({
      merchant: t.expose('merchant', { type: MerchantType, description: 'The merchant.' }),
      replayed: t.exposeBoolean('replayed', { description: 'True if an earlier call had made it already.' }),
    }),
  });

builder.mutationField('registerMerchant', (t) =>
  t.field({
    type: RegisterMerchantSuccess,
    description: 'Makes a merchant that you act for, not verified yet. The same call again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: RegisterMerchantInput, required: true, description: 'The merchant.' }) },
    errors: { types: [...commonErrors, HandleTakenError], union: { description: 'What `registerMerchant` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.catalog.merchants.register(requireActor(context), {
        handle: input.handle,
        name: input.name.trim(),
        kind: input.kind,
      }),
  }),
);

// ---- createWarehouse ---------------------------------------------------------------------------------------------------

const CreateWarehouseInput = builder.inputType('CreateWarehouseInput', {
  description: 'The warehouse to make, or to change.',
  validate: rules.input({
    name: catalogRules.warehouseName,
    region: catalogRules.region,
    promiseMinutes: catalogRules.promiseMinutes,
  }),
  fields: (t) => ({
    merchantId: t.id({ required: true, description: 'Global id of a merchant that you act for.' }),
    name: t.string({ required: true, description: `Its name, 1 to ${WAREHOUSE_NAME_LENGTH_MAX} characters.` }),
    region: t.string({ required: true, description: 'ISO 3166-1 alpha-2 code of its country: "AE".' }),
    shipsAbroad: t.boolean({
      required: true,
      defaultValue: false,
      description: 'Whether it also sends to other regions.',
    }),
    promiseMinutes: t.int({
      required: true,
      description: `From payment to delivery, in its own region: 1 to ${PROMISE_MINUTES_MAX} (90 days).`,
    }),
  }),
});

const CreateWarehouseSuccess = builder.objectRef<{ warehouse: WarehouseRow }>('CreateWarehouseSuccess').implement({
  description: 'The warehouse is there.',
  fields: (t) => ({ warehouse: t.expose('warehouse', { type: WarehouseType, description: 'The warehouse.' }) }),
});

builder.mutationField('createWarehouse', (t) =>
  t.field({
    type: CreateWarehouseSuccess,
    description:
      'Makes a warehouse of a merchant that you act for. One of that name is changed, so it is safe to repeat.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: CreateWarehouseInput, required: true, description: 'The warehouse.' }) },
    errors: { types: [...commonErrors, NotFoundError], union: { description: 'What `createWarehouse` returns.' } },
    resolve: async (_root, { input }, context) => ({
      warehouse: await context.services.catalog.merchants.saveWarehouse(requireActor(context), {
        merchantId: fromGlobalId('Merchant', input.merchantId, 'merchant'),
        name: input.name.trim(),
        region: input.region,
        shipsAbroad: input.shipsAbroad,
        promiseMinutes: input.promiseMinutes,
      }),
    }),
  }),
);

// ---- setStock ----------------------------------------------------------------------------------------------------------

const SetStockInput = builder.inputType('SetStockInput', {
  description: 'How much there is of what, and where. Name the variant by `sku` or by `variantId`.',
  validate: rules.input({ onHand: catalogRules.stock, sku: rules.lookup.nullish() }),
  fields: (t) => ({
    warehouseId: t.id({ required: true, description: 'Global id of a warehouse of yours.' }),
    sku: t.string({ description: 'A variant of the warehouse’s merchant.' }),
    variantId: t.id({
      description:
        'Global id of a variant of the merchant; of a retail partner any that is for sale, to send it for others.',
    }),
    onHand: t.int({ required: true, description: `Units that are there now: 0 to ${STOCK_MAX}.` }),
  }),
});

const SetStockSuccess = builder.objectRef<{ stock: StockRow; warehouse: WarehouseRow }>('SetStockSuccess').implement({
  description: 'The stock is set.',
  fields: (t) => ({
    stock: t.field({
      type: StockType,
      description: 'The stock.',
      resolve: ({ stock, warehouse }) => ({ ...stock, warehouse }),
    }),
  }),
});

builder.mutationField('setStock', (t) =>
  t.field({
    type: SetStockSuccess,
    description: 'Sets how much there is of something in a warehouse of yours. Safe to repeat: it is not added.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: SetStockInput, required: true, description: 'The stock.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, StockHeldError],
      union: { description: 'What `setStock` returns.' },
    },
    resolve: (_root, { input }, context) => {
      const actor = requireActor(context);
      const { sku, variantId, onHand } = input;
      if ((sku == null) === (variantId == null)) {
        throw new InvalidInputError([{ path: 'input', message: 'Name the variant by either sku or variantId.' }]);
      }
      const which =
        sku == null ? { variantId: fromGlobalId('ProductVariant', variantId!, 'variant') } : { sku: sku.trim() };
      const warehouseId = fromGlobalId('Warehouse', input.warehouseId, 'warehouse');
      return context.services.catalog.merchants.setStock(actor, { warehouseId, onHand, ...which });
    },
  }),
);
