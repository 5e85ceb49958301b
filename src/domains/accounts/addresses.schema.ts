import { z } from 'zod';
import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId, toRowId } from '../../graphql/global-id.ts';
import { implementNode } from '../../graphql/node.ts';
import { rules } from '../../graphql/rules.ts';
import { IdempotencyConflictError, NotFoundError } from '../../kernel/errors.ts';
import { isCountry } from '../../kernel/text.ts';
import { ViewerType } from './accounts.schema.ts';
import type { AddressRow } from './addresses.repo.ts';
import { ADDRESSES_MAX } from './addresses.service.ts';

const NAME_LENGTH_MAX = 100;
const LINE_LENGTH_MAX = 200;
const CITY_LENGTH_MAX = 100;
const POSTAL_CODE_LENGTH_MAX = 20;

/** Where somebody wants parcels to go. */
export const AddressType = builder.objectRef<AddressRow>('Address');
implementNode(AddressType, {
  description: 'Where you want parcels to go. Nobody else can load it.',
  loadMany: (ids, { services, actor }) => ids.map((id) => services.addresses.visible(actor, toRowId(id) ?? 0n)),
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Who gets the parcel.' }),
    line1: t.exposeString('line1', { description: 'Street and number.' }),
    line2: t.exposeString('line2', { nullable: true, description: 'Flat, floor, landmark.' }),
    city: t.exposeString('city', { description: 'City.' }),
    postalCode: t.exposeString('postalCode', { nullable: true, description: 'Postal code, where there are any.' }),
    country: t.exposeString('country', { description: 'ISO 3166-1 alpha-2 code: "AE".' }),
    removedAt: t.expose('removedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When you removed it; null while it can be chosen.',
    }),
  }),
});

builder.prismaObjectFields(ViewerType, (t) => ({
  addresses: t.field({
    type: [AddressType],
    description: `Your addresses, oldest first; ${ADDRESSES_MAX} at the most.`,
    select: { id: true },
    resolve: ({ id }, _args, { services }) => services.addresses.of(id),
  }),
}));

// ---- addAddress --------------------------------------------------------------------------------------------------------

const AddAddressInput = builder.inputType('AddAddressInput', {
  description: 'The address to add.',
  validate: rules.input({
    name: rules.text(NAME_LENGTH_MAX),
    line1: rules.text(LINE_LENGTH_MAX),
    line2: rules.text(LINE_LENGTH_MAX).nullish(),
    city: rules.text(CITY_LENGTH_MAX),
    postalCode: rules.text(POSTAL_CODE_LENGTH_MAX).nullish(),
    country: z.string().refine(isCountry, 'Must be an ISO 3166-1 alpha-2 code, such as "AE".'),
    idempotencyKey: rules.idempotencyKey,
  }),
  fields: (t) => ({
    name: t.string({ required: true, description: `Who gets the parcel, 1 to ${NAME_LENGTH_MAX} characters.` }),
    line1: t.string({ required: true, description: `Street and number, 1 to ${LINE_LENGTH_MAX} characters.` }),
    line2: t.string({ description: `Flat, floor, landmark, 1 to ${LINE_LENGTH_MAX} characters.` }),
    city: t.string({ required: true, description: `City, 1 to ${CITY_LENGTH_MAX} characters.` }),
    postalCode: t.string({ description: `Postal code, 1 to ${POSTAL_CODE_LENGTH_MAX} characters.` }),
    country: t.string({ required: true, description: 'ISO 3166-1 alpha-2 code: "AE".' }),
    idempotencyKey: t.string({
      required: true,
      description: 'Your name for this address, 1 to 64 characters: repeat the call with it as often as you like.',
    }),
  }),
});

const AddAddressSuccess = builder.objectRef<{ addressId: bigint; replayed: boolean }>('AddAddressSuccess').implement({
  description: 'The address can be chosen.',
  fields: (t) => ({
    address: t.field({
      type: AddressType,
      description: 'The address.',
      resolve: async ({ addressId }, _args, { services }) => (await services.addresses.find(addressId))!,
    }),
    replayed: t.exposeBoolean('replayed', {
      description: 'True if an earlier call with this key had added it already.',
    }),
  }),
});

builder.mutationField('addAddress', (t) =>
  t.field({
    type: AddAddressSuccess,
    description: 'Adds an address to have parcels sent to.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: AddAddressInput, required: true, description: 'The address.' }) },
    errors: {
      types: [...commonErrors, IdempotencyConflictError],
      union: { description: 'What `addAddress` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.addresses.add(
        requireActor(context),
        {
          name: input.name.trim(),
          line1: input.line1.trim(),
          line2: input.line2?.trim() ?? null,
          city: input.city.trim(),
          postalCode: input.postalCode?.trim() ?? null,
          country: input.country,
        },
        input.idempotencyKey,
      ),
  }),
);

// ---- removeAddress -----------------------------------------------------------------------------------------------------

const RemoveAddressInput = builder.inputType('RemoveAddressInput', {
  description: 'The address to remove.',
  fields: (t) => ({ addressId: t.id({ required: true, description: 'Global id of an address of yours.' }) }),
});

const RemoveAddressSuccess = builder
  .objectRef<{ addressId: bigint; replayed: boolean }>('RemoveAddressSuccess')
  .implement({
    description: 'The address cannot be chosen any more. Orders that were placed still go there.',
    fields: (t) => ({
      address: t.field({
        type: AddressType,
        description: 'The address.',
        resolve: async ({ addressId }, _args, { services }) => (await services.addresses.find(addressId))!,
      }),
      replayed: t.exposeBoolean('replayed', { description: 'True if it had been removed before.' }),
    }),
  });

builder.mutationField('removeAddress', (t) =>
  t.field({
    type: RemoveAddressSuccess,
    description: 'Removes an address of yours. Again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: RemoveAddressInput, required: true, description: 'The address.' }) },
    errors: { types: [...commonErrors, NotFoundError], union: { description: 'What `removeAddress` returns.' } },
    resolve: async (_root, { input }, context) => {
      const addressId = fromGlobalId('Address', input.addressId, 'address');
      const { replayed } = await context.services.addresses.remove(requireActor(context), addressId);
      return { addressId, replayed };
    },
  }),
);
