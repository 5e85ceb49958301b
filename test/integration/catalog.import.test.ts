/** Importing catalogue files: once, again, killed in the middle, and with everything that can be wrong with a file. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Pool } from 'pg';
import { expect, onTestFinished, vi } from 'vitest';
import {
  IMPORT_BATCH_MAX,
  type ImportOptions,
  importCatalogue,
} from '../../src/domains/catalog/import/import.service.ts';
import type { RefusedRow } from '../../src/domains/catalog/import/import-row.ts';
import { closed } from '../support/exit.ts';
import { freshHandle, mutate, query, succeed } from '../support/operations.ts';
import type { Server } from '../support/server.ts';
import { makeProduct, makeShop, type Shop } from '../support/shop.ts';
import { countSql } from '../support/sql-count.ts';
import { rowOf } from './support/ids.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

/** A process of its own takes seconds to start, on a busy machine many. */
const PROCESS_MS_MAX = 60_000;
/** Two of them, one after the other, with what they do. */
vi.setConfig({ testTimeout: 3 * PROCESS_MS_MAX });
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HEADER =
  'product_ref,title,kind,description,variant,sku,gtin,price,currency,stock,warehouse,region,promise_minutes,media_urls,download_url';

/** A row of a file; what is not given is the simplest that is allowed. */
function row(columns: Record<string, string | number> = {}): string {
  const all: Record<string, string | number> = {
    product_ref: 'P1',
    title: 'Lamp',
    kind: 'PHYSICAL',
    sku: 'S1',
    price: '10.00',
    currency: 'USD',
    ...columns,
  };
  return HEADER.split(',')
    .map((name) => `"${String(all[name] ?? '').replaceAll('"', '""')}"`)
    .join(',');
}

const file = (...lines: string[]) => [HEADER, ...lines].join('\n');

async function* bytes(content: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content);
}

/** Imports a file within the test's process. */
async function importText(server: Server, shop: Shop, content: string, options: Partial<ImportOptions> = {}) {
  const refused: RefusedRow[] = [];
  const { db } = server.app.services;
  const result = await importCatalogue(db, {
    merchantId: BigInt(rowOf(shop.merchantId)),
    source: bytes(content),
    onRefused: (one) => refused.push(one),
    ...options,
  });
  return { ...result, rows: refused };
}

type Listed = {
  title: string;
  kind: string;
  status: string;
  variants: { sku: string; title: string; available: number; price: { amount: string } }[];
};

async function catalogueOf({ member, merchantId }: Shop): Promise<Listed[]> {
  const document = `{ node(id: "${merchantId}") { ... on Merchant { allProducts(last: 100) { edges { node {
    title kind status variants { sku title available price { amount } } } } } } } }`;
  const { node } = await query<{ node: { allProducts: { edges: { node: Listed }[] } } }>(member.api, document);
  return node.allProducts.edges.map((edge) => edge.node).reverse();
}

/** Runs `npm run import` on a file with this content. */
async function runImport(db: { url: string }, content: string | Uint8Array, args: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'hadiya-import-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'catalogue.csv');
  await writeFile(path, content);
  return runCommand(db, [path, ...args]);
}

function runCommand(db: { url: string }, args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'prisma/import.ts', ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, DATABASE_URL: db.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (chunk: Buffer) => (texts[name] += chunk));
  const ended = closed(child).then(({ code }) => ({ code, ...texts }));
  return { child, ended };
}

test('a file becomes products with variants and stock, and the same file again changes nothing', async ({
  server,
  db,
}) => {
  const shop = await makeShop(server);
  const content = file(
    row({
      product_ref: 'K',
      title: 'كنافة',
      kind: 'food',
      sku: 'K-1',
      variant: 'Half',
      price: '38.50',
      currency: 'AED',
      stock: 7,
      warehouse: 'Kitchen',
      region: 'AE',
      promise_minutes: 45,
    }),
    row({
      product_ref: 'K',
      title: 'كنافة',
      kind: 'food',
      sku: 'K-2',
      variant: 'Whole',
      price: '70',
      currency: 'AED',
      stock: 3,
      warehouse: 'Kitchen',
    }),
    row({
      product_ref: 'L',
      title: 'Lamp, "brass"',
      sku: 'L',
      description: 'Two\nlines',
      media_urls: 'https://a.example/1.jpg',
    }),
  );
  expect(await importText(server, shop, content)).toEqual({ imported: 3, refused: 0, rows: [] });
  expect(await catalogueOf(shop)).toEqual([
    {
      title: 'كنافة',
      kind: 'FOOD',
      status: 'PUBLISHED',
      variants: [
        { sku: 'K-1', title: 'Half', available: 7, price: { amount: '38.50' } },
        { sku: 'K-2', title: 'Whole', available: 3, price: { amount: '70.00' } },
      ],
    },
    {
      title: 'Lamp, "brass"',
      kind: 'PHYSICAL',
      status: 'PUBLISHED',
      variants: [{ sku: 'L', title: 'Standard', available: 0, price: { amount: '10.00' } }],
    },
  ]);
  await expectNothingWritten(db.pool, async () => {
    expect(await importText(server, shop, content)).toMatchObject({ imported: 3, refused: 0 });
  });
});

test('a changed file changes what it names, and keeps what visitors know it by', async ({ server }) => {
  const shop = await makeShop(server);
  await importText(server, shop, file(row({ stock: 5, warehouse: 'Main', region: 'AE', promise_minutes: 60 })));
  const changed = row({
    title: 'New lamp',
    variant: 'Big',
    price: '12.00',
    stock: 2,
    warehouse: 'Main',
    region: 'SA',
    promise_minutes: 90,
  });
  await importText(server, shop, file(changed, row({ title: 'New lamp', sku: 'S2' })));
  expect(await catalogueOf(shop)).toMatchObject([
    {
      title: 'New lamp',
      variants: [
        { sku: 'S1', title: 'Big', available: 2, price: { amount: '12.00' } },
        { sku: 'S2', title: 'Standard' },
      ],
    },
  ]);
});

test('rows that are wrong are refused by their lines with all that is wrong, and the others imported', async ({
  server,
}) => {
  const shop = await makeShop(server);
  const other = await makeProduct(shop);
  const content = file(
    row({ description: 'Over\nthree\nlines' }),
    row({ sku: 'S2', price: '-5', currency: 'XYZ' }),
    '"only",two',
    '',
    row({ sku: 'S3' }),
    row({ sku: 'S3', product_ref: 'P2' }),
    row({ sku: 'S4', kind: 'FOOD' }),
    row({ sku: 'S5', title: 'Other title' }),
    row({ sku: 'S6', product_ref: 'P6', price: '99999999999999' }),
    row({ sku: 'S7', product_ref: 'P7', stock: 1, warehouse: 'Unknown' }),
    row({ sku: other.sku, product_ref: 'P1' }),
    row({ sku: 'S8', product_ref: 'P8', kind: 'DIGITAL' }),
  );
  const { rows, ...counts } = await importText(server, shop, content);
  expect(counts).toEqual({ imported: 2, refused: 9 });
  expect(rows.map(({ line, problems }) => [line, problems.map((problem) => problem.split(':')[0])])).toEqual([
    [5, ['currency', 'price']],
    [6, ['The row has 2 columns and the header 15']],
    [9, ['sku']],
    [10, ['kind']],
    [11, ['title']],
    [12, ['price']],
    [13, ['region']],
    [14, ['sku']],
    [15, ['download_url']],
  ]);
  expect(rows[2]!.problems).toEqual(['sku: "S3" stands on line 8 already.']);
  expect((await catalogueOf(shop)).map(({ title, variants }) => [title, variants.map(({ sku }) => sku)])).toEqual([
    ['Oud candle', [other.sku]],
    ['Lamp', ['S1', 'S3']],
  ]);
});

test('a product that was made by hand is taken over by its sku, and stays where it stands', async ({ server }) => {
  const shop = await makeShop(server);
  const draft = await makeProduct(shop, { publish: false, stock: 0 });
  await importText(server, shop, file(row({ sku: draft.sku, title: 'Taken over' })));
  expect(await catalogueOf(shop)).toMatchObject([
    { title: 'Taken over', status: 'DRAFT', variants: [{ sku: draft.sku }] },
  ]);
  await importText(
    server,
    shop,
    file(row({ sku: draft.sku, title: 'Taken over' }), row({ sku: 'NEW', title: 'Taken over' })),
  );
  expect((await catalogueOf(shop))[0]!.variants.map(({ sku }) => sku)).toEqual([draft.sku, 'NEW']);
});

test('new products are drafts if that is asked for', async ({ server }) => {
  const shop = await makeShop(server);
  await importText(server, shop, file(row()), { status: 'DRAFT' });
  expect(await catalogueOf(shop)).toMatchObject([{ status: 'DRAFT' }]);
});

test('stock below what is held stays, and the row says so', async ({ server, db }) => {
  const shop = await makeShop(server);
  const stocked = (stock: number, title: string) =>
    file(row({ title, stock, warehouse: 'Main', region: 'AE', promise_minutes: 60 }));
  await importText(server, shop, stocked(5, 'Lamp'));
  await db.pool.query(
    'UPDATE inventory SET held = 3 WHERE item_id = (SELECT item_id FROM product_variant WHERE sku = $1 AND merchant_id = $2)',
    ['S1', rowOf(shop.merchantId)],
  );
  const { rows, imported } = await importText(server, shop, stocked(2, 'New lamp'));
  expect(imported).toBe(0);
  expect(rows).toEqual([{ line: 2, problems: [expect.stringMatching(/^stock: 3 of it are set aside/)] }]);
  expect(await catalogueOf(shop)).toMatchObject([{ title: 'New lamp', variants: [{ available: 2 }] }]);
});

test('variants of one barcode share stock with the merchant’s other products', async ({ server }) => {
  const shop = await makeShop(server);
  const gtin = '4006381333931';
  const place = { warehouse: 'Main', region: 'AE', promise_minutes: 60 };
  const content = file(row({ gtin, stock: 4, ...place }), row({ product_ref: 'P2', sku: 'S2', gtin }));
  await importText(server, shop, content);
  expect((await catalogueOf(shop)).flatMap(({ variants }) => variants.map(({ available }) => available))).toEqual([
    4, 4,
  ]);
  const { rows } = await importText(server, shop, file(row({ gtin: '12345678' })));
  expect(rows).toEqual([{ line: 2, problems: [expect.stringMatching(/^gtin: .*cannot change/)] }]);
});

/** Several batches: there is a middle to be killed in. */
const KILLED_ROWS = 3_000;
/** What a killed import waits for. */
const KILL_LOCK_ID = 4_242_002;

/** Has every import of a merchant wait within its second batch, until the returned function is called. */
async function holdSecondBatch(pool: Pool, merchantId: string): Promise<() => Promise<void>> {
  const holder = await pool.connect();
  await holder.query('SELECT pg_advisory_lock($1)', [KILL_LOCK_ID]);
  await holder.query(`CREATE FUNCTION wait_to_be_killed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF EXISTS (SELECT 1 FROM product_variant WHERE merchant_id = ${merchantId}) THEN PERFORM pg_advisory_xact_lock(${KILL_LOCK_ID}); END IF;
      RETURN NULL;
    END $$`);
  await holder.query(
    'CREATE TRIGGER wait_to_be_killed BEFORE INSERT ON product_variant EXECUTE FUNCTION wait_to_be_killed()',
  );
  let ended: Promise<void> | undefined;
  const end = async () => {
    await holder.query('SELECT pg_advisory_unlock($1)', [KILL_LOCK_ID]);
    // Waits for the killed one's transaction, which Postgres rolls back once it sees that nobody is there.
    await holder.query('DROP FUNCTION wait_to_be_killed CASCADE');
    holder.release();
  };
  const endOnce = () => {
    ended ??= end();
    return ended;
  };
  onTestFinished(endOnce);
  return endOnce;
}

/** A file of many products, some of several variants. */
function big(rows: number): string {
  const lines = Array.from({ length: rows }, (_, index) => {
    const ref = `P${Math.floor((index * 2) / 3)}`;
    return row({
      product_ref: ref,
      title: `Product ${ref}`,
      sku: `S${index}`,
      price: `${index + 1}.00`,
      stock: index,
      warehouse: `W${index % 3}`,
      region: 'AE',
      promise_minutes: 60,
    });
  });
  return file(...lines);
}

test('a batch costs the same number of statements, however long it is', async ({ server }) => {
  const cost = async (rows: number) => {
    const shop = await makeShop(server);
    return (await countSql(server.app, () => importText(server, shop, big(rows)))).count;
  };
  const one = await cost(2);
  expect(await cost(450)).toBe(one);
  expect(await cost(900)).toBeLessThanOrEqual(2 * one);
  expect(one).toBeLessThanOrEqual(14);
});

test('an import that was killed is run again, and ends as one that was not', async ({ server, db }) => {
  const content = big(KILLED_ROWS);
  const [killed, whole] = [await makeShop(server), await makeShop(server)];
  const goOn = await holdSecondBatch(db.pool, rowOf(killed.merchantId));
  const { child, ended } = await runImport(db, content, ['--merchant', killed.handle]);
  const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'`;
  await expect.poll(async () => (await db.pool.query(waiting)).rows[0].n, { timeout: PROCESS_MS_MAX }).toBe(1);
  child.kill('SIGKILL');
  await ended;
  await goOn();
  const { rows } = await db.pool.query('SELECT count(*)::int AS count FROM product_variant WHERE merchant_id = $1', [
    rowOf(killed.merchantId),
  ]);
  expect(rows, 'the first batch, and nothing of the second').toEqual([{ count: IMPORT_BATCH_MAX }]);
  expect(await (await runImport(db, content, ['--merchant', killed.handle])).ended).toMatchObject({ code: 0 });
  expect(await importText(server, whole, content)).toMatchObject({ imported: KILLED_ROWS });
  const stateOf = async ({ merchantId }: Shop) =>
    (
      await db.pool.query(
        `SELECT p.ref, p.title, p.status, v.sku, v.title, v.price_minor, v.position, w.name, i.on_hand, (SELECT count(*) FROM price_change c WHERE c.variant_id = v.id) AS prices
           FROM product p JOIN product_variant v ON v.product_id = p.id LEFT JOIN inventory i ON i.item_id = v.item_id LEFT JOIN warehouse w ON w.id = i.warehouse_id
          WHERE p.merchant_id = $1 ORDER BY v.sku`,
        [rowOf(merchantId)],
      )
    ).rows;
  expect(await stateOf(killed)).toEqual(await stateOf(whole));
});

test('the command imports, shows what is refused by line, and makes a merchant if told to', async ({ db, server }) => {
  const handle = freshHandle('shop');
  const content = file(row({ title: 'عطر' }), row({ sku: 'S2', price: 'free' }));
  const args = ['--merchant', handle, '--create-merchant', 'Made here', '--kind', 'RETAIL_PARTNER', '--verified'];
  const first = await (await runImport(db, `\uFEFF${content}`, args)).ended;
  expect(first).toEqual({
    code: 1,
    stdout: '1 rows imported for Made here, 1 refused: mend them and run it again\n',
    stderr: 'catalogue.csv:3: price: Must be a decimal number without a sign or separators, such as 1250.50.\n',
  });
  const again = await (await runImport(db, file(row({ title: 'عطر' })), args)).ended;
  expect(again).toEqual({ code: 0, stdout: '1 rows imported for Made here\n', stderr: '' });
  const { products } = await query<{ products: unknown }>(
    server.http(),
    `{ products(filter: { search: "عطر" }, first: 1) { edges { node { title merchant { handle kind verified } } } } }`,
  );
  expect(products).toEqual({
    edges: [{ node: { title: 'عطر', merchant: { handle, kind: 'RETAIL_PARTNER', verified: true } } }],
  });
});

test.for([
  ['an empty file', '', /^catalogue\.csv:1: The file is empty/],
  ['a byte order mark only', '\uFEFF', /^catalogue\.csv:1: The file is empty/],
  ['a header of something else', 'id,name\n1,x', /^catalogue\.csv:1: The header lacks "product_ref"/],
  ['an unknown column', `${HEADER},colour\n`, /^catalogue\.csv:1: The header has unknown "colour"/],
  [
    'a file that is not UTF-8',
    Buffer.from(`${HEADER}\nP1,caf\xe9`, 'latin1'),
    /^catalogue\.csv:\d: The file is not UTF-8/,
  ],
  ['a quote that is not closed', file('"P1,Lamp'), /^catalogue\.csv:2: A quote is opened .* never closed/],
] as const)('the command says in one line what is wrong with %s', async ([, content, problem], { db, server }) => {
  const shop = await makeShop(server);
  await expectNothingWritten(db.pool, async () => {
    const { code, stdout, stderr } = await (await runImport(db, content, ['--merchant', shop.handle])).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(problem);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

test.for([
  ['a file that is not there', ['missing.csv', '--merchant', 'souq'], /^missing\.csv is not there\n$/],
  ['a folder', ['.', '--merchant', 'souq'], /^\. is not a file\n$/],
  ['no file', ['--merchant', 'souq'], /^Name one file to import\nUsage: /],
  ['no merchant', ['README.md'], /^Say whose catalogue it is/],
  ['an unknown option', ['README.md', '--colour'], /^Unknown option '--colour'/],
  [
    'an unknown kind',
    ['README.md', '--merchant', 'x1', '--create-merchant', 'X', '--kind', 'PLATFORM'],
    /^--kind is BRAND or/,
  ],
  ['an unknown merchant', ['README.md', '--merchant', 'nobody_at_all'], /^There is no merchant "nobody_at_all"/],
] as const)('the command says what is wrong with %s', async ([, args, problem], { db }) => {
  await expectNothingWritten(db.pool, async () => {
    const { code, stdout, stderr } = await runCommand(db, [...args]).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(problem);
  });
});

test('an answer that is kept shows what a parallel change by hand makes of an import', async ({ server }) => {
  const shop = await makeShop(server);
  await importText(server, shop, file(row()));
  const [{ variants }] = (await catalogueOf(shop)) as [Listed];
  expect(variants).toHaveLength(1);
  const { node } = await query<{ node: { products: { edges: { node: { id: string } }[] } } }>(
    server.http(),
    `{ node(id: "${shop.merchantId}") { ... on Merchant { products { edges { node { id } } } } } }`,
  );
  const change = { productId: node.products.edges[0]!.node.id, variants: [{ sku: 'S1', priceMinor: 1 }] };
  succeed(await mutate(shop.member.api, 'updateProduct', change));
  await importText(server, shop, file(row()));
  expect(await catalogueOf(shop)).toMatchObject([{ variants: [{ price: { amount: '10.00' } }] }]);
});
