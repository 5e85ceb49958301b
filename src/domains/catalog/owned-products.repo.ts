import { type Queryable, rows, type Statement, statement } from '../../db/database.ts';
import type { Keyset } from '../../db/keyset.ts';
import type { ProductStatus } from './catalog.api.ts';
import { type FlatProduct, PRODUCT_COLUMNS, type ProductRow, toProduct } from './catalog.repo.ts';

/** Whose products: a merchant's, or those of all merchants that a creator acts for. And which of them. */
export type Owned = ({ merchantId: bigint } | { creatorId: bigint }) & { statuses: readonly ProductStatus[] };
/** A page of somebody's products, newest first. */
export type OwnedPage = Owned & { keyset: Keyset };

/** One row for each request `r`: its number, whose products and in which states. Arrays in an array would have to be of one length. */
const REQUESTS = `(SELECT n, merchant_id, creator_id, string_to_array(statuses, ',') AS statuses, from_id, size
  FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::int[]) u(n, merchant_id, creator_id, statuses, from_id, size)) r`;
const THEIRS = `p.status = ANY(r.statuses) AND p.merchant_id IN (
    SELECT r.merchant_id UNION ALL
    SELECT mm.merchant_id FROM creator c JOIN merchant_member mm ON mm.viewer_id = c.viewer_id WHERE c.id = r.creator_id)`;

const pageStatement = (name: string, beyond: '<' | '>', direction: 'ASC' | 'DESC') =>
  statement(
    name,
    `SELECT r.n, ${PRODUCT_COLUMNS} FROM ${REQUESTS}
       JOIN LATERAL (SELECT p.* FROM product p WHERE ${THEIRS} AND (r.from_id IS NULL OR p.id ${beyond} r.from_id)
                      ORDER BY p.id ${direction} LIMIT r.size) p ON true
       JOIN merchant m ON m.id = p.merchant_id ORDER BY r.n, p.id ${direction}`,
  );
const FORWARDS = pageStatement('catalog.owned', '<', 'DESC');
const BACKWARDS = pageStatement('catalog.ownedBackwards', '>', 'ASC');
const COUNT = statement(
  'catalog.countOwned',
  `SELECT r.n, (SELECT count(*) FROM product p WHERE ${THEIRS}) AS count FROM ${REQUESTS}`,
);

/** Pages of several owners' products, in one statement for each direction. */
export async function readOwnedPages(sql: Queryable, pages: readonly OwnedPage[]): Promise<ProductRow[][]> {
  const found: ProductRow[][] = pages.map(() => []);
  const read = async (query: Statement, backwards: boolean) => {
    const numbers = pages.flatMap(({ keyset }, n) => (keyset.backwards === backwards ? [n] : []));
    if (numbers.length === 0) return;
    const values = valuesOf(pages, numbers, ({ keyset }) => keyset);
    for (const { n, ...product } of await rows<FlatProduct & { n: number }>(sql, query, values)) {
      found[n]!.push(toProduct(product));
    }
  };
  await Promise.all([read(FORWARDS, false), read(BACKWARDS, true)]);
  return found.map((page, n) => (pages[n]!.keyset.backwards ? page.reverse() : page));
}

/** How many products several owners have, in one statement. */
export async function countOwned(sql: Queryable, owners: readonly Owned[]): Promise<number[]> {
  const values = valuesOf(
    owners,
    owners.map((_, n) => n),
    () => undefined,
  );
  const counts = await rows<{ n: number; count: bigint }>(sql, COUNT, values);
  const byNumber = new Map(counts.map(({ n, count }) => [n, Number(count)]));
  return owners.map((_, n) => byNumber.get(n)!);
}

function valuesOf<Request extends Owned>(
  requests: readonly Request[],
  numbers: readonly number[],
  keysetOf: (request: Request) => Keyset | undefined,
): unknown[][] {
  const chosen = numbers.map((n) => requests[n]!);
  return [
    [...numbers],
    chosen.map((owned) => ('merchantId' in owned ? owned.merchantId : null)),
    chosen.map((owned) => ('creatorId' in owned ? owned.creatorId : null)),
    chosen.map(({ statuses }) => statuses.join(',')),
    chosen.map((owned) => keysetOf(owned)?.from ?? null),
    chosen.map((owned) => keysetOf(owned)?.limit ?? null),
  ];
}
