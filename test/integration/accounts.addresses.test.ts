/** Addresses: added once per key, removed for good, and nobody else's business. */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { findAddresses } from '../../src/domains/accounts/accounts.api.ts';
import { type Actor, mutate, query, signIn, succeed } from '../support/operations.ts';
import { addAddress } from '../support/shop.ts';
import { rowOf, wrongIds } from './support/ids.ts';
import { atOnce, successes, tally } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

type Address = { address: { id: string; removedAt: string | null }; replayed: boolean };

const INPUT = {
  name: ' Layla Haddad ',
  line1: '12 Al Wasl Road',
  line2: 'Flat 4',
  city: 'Dubai',
  postalCode: '00000',
  country: 'AE',
};

const add = (viewer: Actor, input: Record<string, unknown> = {}) =>
  mutate<Address>(viewer.api, 'addAddress', { ...INPUT, idempotencyKey: randomUUID(), ...input });

const addressesOf = async (viewer: Actor) =>
  (await query<{ me: { addresses: { id: string }[] } }>(viewer.api, '{ me { addresses { id } } }')).me.addresses.map(
    ({ id }) => id,
  );

test('an address is added, listed, loaded and removed by its owner', async ({ server, viewer }) => {
  const { address } = succeed(await add(viewer));
  expect(address).toEqual({ ...INPUT, name: 'Layla Haddad', id: address.id, removedAt: null });
  const second = await addAddress(viewer, { country: 'SA' });
  expect(await addressesOf(viewer)).toEqual([address.id, second]);

  const remove = () => mutate<Address>(viewer.api, 'removeAddress', { addressId: address.id });
  const removed = succeed(await remove());
  expect(removed).toMatchObject({ address: { removedAt: expect.any(String) }, replayed: false });
  expect(await remove()).toMatchObject({ address: removed.address, replayed: true });
  expect(await addressesOf(viewer)).toEqual([second]);

  // Orders still need it.
  const [row] = await findAddresses(server.app.services.db.pool, [BigInt(rowOf(address.id))]);
  expect(row).toMatchObject({ viewerId: BigInt(rowOf(viewer.id)), country: 'AE', removedAt: expect.any(Date) });
});

test('an address is added once per key, however often at once', async ({ viewer }) => {
  const idempotencyKey = randomUUID();
  const outcomes = await atOnce(20, () => add(viewer, { idempotencyKey }));
  expect(tally(outcomes)).toEqual({ AddAddressSuccess: 20 });
  expect(new Set(successes(outcomes).map(({ address }) => address.id)).size).toBe(1);
  expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
  expect(await add(viewer, { idempotencyKey, city: 'Sharjah' })).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
  expect(await addressesOf(viewer)).toHaveLength(1);
});

test('to others an address is not there', async ({ server, db, viewer }) => {
  const other = await signIn(server);
  const id = await addAddress(other);
  await expectNothingWritten(db.pool, async () => {
    expect(await mutate(viewer.api, 'removeAddress', { addressId: id })).toMatchObject({ code: 'NOT_FOUND' });
    for (const [what, addressId] of wrongIds('Address')) {
      expect(await mutate(viewer.api, 'removeAddress', { addressId }), what).toMatchObject({ code: 'NOT_FOUND' });
    }
    for (const api of [viewer.api, server.http()]) {
      expect(await query(api, `{ node(id: "${id}") { id } }`)).toEqual({ node: null });
    }
    for (const name of ['addAddress', 'removeAddress'] as const) {
      const input = name === 'addAddress' ? { ...INPUT, idempotencyKey: 'key' } : { addressId: id };
      expect(await mutate(server.http(), name, input)).toMatchObject({ code: 'NOT_SIGNED_IN' });
    }
  });
  expect(await query(other.api, `{ node(id: "${id}") { id } }`)).toEqual({ node: { id } });
});

test('all that is wrong with an address is said at once', async ({ db, viewer }) => {
  await expectNothingWritten(db.pool, async () => {
    const wrong = {
      name: '',
      line1: 'x'.repeat(201),
      line2: ' ',
      city: 'a\0b',
      postalCode: '1'.repeat(21),
      country: 'ae',
      idempotencyKey: '',
    };
    const { issues } = (await add(viewer, wrong)) as unknown as { issues: { path: string }[] };
    expect([...new Set(issues.map(({ path }) => path))].sort()).toEqual(
      Object.keys(wrong)
        .map((field) => `input.${field}`)
        .sort(),
    );
    for (const country of ['XX', 'ZZ', 'EU', 'UAE', '']) {
      expect(await add(viewer, { country }), country).toMatchObject({ issues: [{ path: 'input.country' }] });
    }
  });
});

test('one more address than the most is refused, also when several come at once', async ({ viewer }) => {
  for (let count = 0; count < 48; count++) await addAddress(viewer);
  expect(tally(await atOnce(6, () => add(viewer)))).toEqual({ AddAddressSuccess: 2, InvalidInputError: 4 });
  const [first] = await addressesOf(viewer);
  succeed(await mutate(viewer.api, 'removeAddress', { addressId: first }));
  succeed(await add(viewer));
  expect(await addressesOf(viewer)).toHaveLength(50);
});
