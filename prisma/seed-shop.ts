import { createReadStream } from 'node:fs';
import { type Database, rows } from '../src/db/database.ts';
import type { AddressDraft } from '../src/domains/accounts/addresses.repo.ts';
import {
  addMember,
  findMerchantByHandle,
  insertMerchant,
  type MerchantRow,
  upsertWarehouse,
} from '../src/domains/catalog/merchants.repo.ts';
import type { Services } from '../src/graphql/context.ts';

/** The merchants of the demo. Each has a catalogue in `demo/`, and a viewer of the same handle who acts for it. */
const DEMO_MERCHANTS = [
  { handle: 'souq', name: 'Souq Hadiya سوق', kind: 'BRAND' },
  { handle: 'mama_zahra', name: 'Mama Zahra’s Kitchen', kind: 'BRAND' },
  { handle: 'rimal', name: 'Rimal Experiences', kind: 'BRAND' },
  { handle: 'studio_qamar', name: 'Studio Qamar', kind: 'BRAND' },
  { handle: 'barq', name: 'Barq Retail برق', kind: 'RETAIL_PARTNER' },
  { handle: 'nile_mart', name: 'Nile Mart', kind: 'RETAIL_PARTNER' },
] as const;

/** Warehouses that also send abroad, which a catalogue file cannot say. */
const SENDING_ABROAD = [
  { merchant: 'souq', name: 'Al Quoz studio', region: 'AE', promiseMinutes: 2_880 },
  { merchant: 'barq', name: 'Dubai hub', region: 'AE', promiseMinutes: 360 },
  { merchant: 'nile_mart', name: 'New Jersey depot', region: 'US', promiseMinutes: 4_320 },
];

const DEMO_ADDRESSES: Record<string, AddressDraft> = {
  layla: {
    name: 'Layla Haddad',
    line1: '12 Al Wasl Road',
    line2: 'Villa 4',
    city: 'Dubai',
    postalCode: null,
    country: 'AE',
  },
  omar: {
    name: 'عمر الشمري',
    line1: 'طريق الملك فهد',
    line2: null,
    city: 'Riyadh',
    postalCode: '12271',
    country: 'SA',
  },
  sara: {
    name: 'Sara Mansour',
    line1: '48 Grove Street',
    line2: 'Apt 5B',
    city: 'Jersey City',
    postalCode: '07302',
    country: 'US',
  },
};
const ADDRESS_KEY = 'demo';

/** The merchants of the demo with their products, and an address for each viewer. Once: what visitors change stays so. */
export async function seedDemoShop(services: Services): Promise<void> {
  for (const [handle, address] of Object.entries(DEMO_ADDRESSES)) {
    const { viewer } = await services.accounts.signIn(handle);
    await services.addresses.add(viewer, address, ADDRESS_KEY);
  }
  for (const merchant of DEMO_MERCHANTS) await seedMerchant(services, merchant);
}

async function seedMerchant({ db, accounts }: Services, wanted: (typeof DEMO_MERCHANTS)[number]): Promise<void> {
  const { handle } = wanted;
  const found = await findMerchantByHandle(db.pool, handle);
  if (found && (await hasProducts(db, found.id))) return;
  const { viewer } = await accounts.signIn(handle);
  const merchant = await db.inTransaction(async (sql): Promise<MerchantRow> => {
    const made = await insertMerchant(sql, { ...wanted, verified: true });
    const merchant = made ?? (await findMerchantByHandle(sql, handle))!;
    await addMember(sql, merchant.id, viewer.id);
    for (const { merchant: of, ...warehouse } of SENDING_ABROAD.filter((one) => one.merchant === handle)) {
      await upsertWarehouse(sql, { ...warehouse, merchantId: merchant.id, shipsAbroad: true });
    }
    return merchant;
  });
  // What reads files is loaded by the one start that needs it.
  const { importCatalogue } = await import('../src/domains/catalog/import/import.service.ts');
  await importCatalogue(db, {
    merchantId: merchant.id,
    source: createReadStream(new URL(`demo/${handle}.csv`, import.meta.url)),
    onRefused: ({ line, problems }) => {
      throw new Error(`demo/${handle}.csv:${line}: ${problems.join('; ')}`);
    },
  });
}

async function hasProducts(db: Database, merchantId: bigint): Promise<boolean> {
  const found = await rows(db.pool, '/* seed.hasProducts */ SELECT 1 FROM product WHERE merchant_id = $1 LIMIT 1', [
    merchantId,
  ]);
  return found.length > 0;
}
