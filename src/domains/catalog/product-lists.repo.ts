import { type Queryable, rows, type Statement, statement } from '../../db/database.ts';
import { KEYSET_LIMIT_MAX, type Keyset, keysetStatements, readKeyset } from '../../db/keyset.ts';
import type { ProductKind } from './catalog.api.ts';
import { type FlatProduct, PRODUCT_COLUMNS, type ProductRow, STOCK_OF_VARIANT, toProduct } from './catalog.repo.ts';

/** Which published products a list holds; what is undefined does not matter. */
export type ProductFilter = {
  /** Words of the search; see {@link searchWords}. None: nothing is found. */
  words?: readonly string[] | undefined;
  merchantId?: bigint | undefined;
  creatorId?: bigint | undefined;
  kind?: ProductKind | undefined;
  inStock?: boolean | undefined;
  currency?: string | undefined;
};

/** The orders of a list that are not that of the ids. */
export type PriceOrder = 'PRICE_LOW' | 'PRICE_HIGH';
/** The orders of a list that are that of the ids. */
export type AgeOrder = 'NEWEST' | 'OLDEST';

/** A product and what it is listed by. */
export type PricedProductRow = ProductRow & { sortKey: bigint };

/** What the cheapest active variant of a product `p` costs. */
const PRICE = `(SELECT coalesce(min(v.price_minor), 0) FROM product_variant v WHERE v.product_id = p.id AND v.active)`;

const PUBLISHED = `p.status = 'PUBLISHED'`;

const NEWEST = keysetStatements('catalog.newest', { id: 'p.id', order: 'DESC' }, ({ where, direction, limitMax }) =>
  listText([where], `p.id ${direction}`, { limitMax }),
);
const COUNT_ALL = statement('catalog.countAll', `SELECT count(*) AS count FROM product WHERE status = 'PUBLISHED'`);

/** Arabic vowel signs and the stroke that lengthens words: `search_fold` leaves them out, so a word may be gone with them. */
const LEFT_OUT = /[\u064B-\u0652\u0670\u0640]/g;

/** The words of a text: letters, digits and marks of any script, in the order of the text. */
export function searchWords(text: string): string[] {
  return (
    text
      .normalize('NFKC')
      .replace(LEFT_OUT, '')
      .match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu) ?? []
  );
}

/** A page of published products, newest or oldest first. */
export async function readProductPage(
  sql: Queryable,
  order: AgeOrder,
  filter: ProductFilter,
  keyset: Keyset,
): Promise<ProductRow[]> {
  if (order === 'NEWEST' && isEmpty(filter)) {
    return (await readKeyset<FlatProduct>(sql, NEWEST, keyset)).map(toProduct);
  }
  const { conditions, values } = conditionsOf(filter, [keyset.limit]);
  const ascending = (order === 'OLDEST') !== keyset.backwards;
  if (keyset.from !== undefined) conditions.push(`p.id ${ascending ? '>' : '<'} $${values.push(keyset.from)}`);
  const text = listText(conditions, `p.id ${ascending ? 'ASC' : 'DESC'}`, { limitMax: KEYSET_LIMIT_MAX });
  const found = await rows<FlatProduct>(sql, `/* catalog.products */ ${text}`, values);
  return (keyset.backwards ? found.reverse() : found).map(toProduct);
}

/** A page of published products by the price of their cheapest variant, whatever its currency. */
export async function readPricedPage(
  sql: Queryable,
  order: PriceOrder,
  filter: ProductFilter,
  { backwards, from, limit }: Keyset<{ sortKey: bigint; id: bigint }>,
): Promise<PricedProductRow[]> {
  const { conditions, values } = conditionsOf(filter, [limit]);
  const ascending = (order === 'PRICE_LOW') !== backwards;
  if (from !== undefined) {
    const [price, id] = [values.push(from.sortKey), values.push(from.id)];
    conditions.push(`(${PRICE}, p.id) ${ascending ? '>' : '<'} ($${price}::bigint, $${id}::bigint)`);
  }
  const direction = ascending ? 'ASC' : 'DESC';
  const text = listText(conditions, `"sortKey" ${direction}, p.id ${direction}`, {
    limitMax: KEYSET_LIMIT_MAX,
    sortKey: PRICE,
  });
  const found = await rows<FlatProduct & { sortKey: bigint }>(sql, `/* catalog.byPrice */ ${text}`, values);
  const page = found.map((row) => ({ ...toProduct(row), sortKey: row.sortKey }));
  return backwards ? page.reverse() : page;
}

/** How many published products there are, or match. */
export async function countProducts(sql: Queryable, filter: ProductFilter): Promise<number> {
  const { conditions, values } = conditionsOf(filter, []);
  const query: string | Statement = isEmpty(filter)
    ? COUNT_ALL
    : `/* catalog.count */ SELECT count(*) AS count FROM product p WHERE ${[PUBLISHED, ...conditions].join(' AND ')}`;
  const [counted] = await rows<{ count: bigint }>(sql, query, values);
  return Number(counted!.count);
}

/** Cut to `limitMax` before the merchant is joined, for the planner; and to $1 at the end. */
function listText(
  conditions: readonly string[],
  order: string,
  { limitMax, sortKey }: { limitMax: number; sortKey?: string },
): string {
  const [inner, outer] = sortKey ? [`, ${sortKey} AS "sortKey"`, ', p."sortKey"'] : ['', ''];
  return `SELECT ${PRODUCT_COLUMNS}${outer}
     FROM (SELECT p.*${inner} FROM product p WHERE ${[PUBLISHED, ...conditions].join(' AND ')}
            ORDER BY ${order} LIMIT ${limitMax}) p
     JOIN merchant m ON m.id = p.merchant_id ORDER BY ${order} LIMIT $1`;
}

/** The conditions of a filter on a product `p`, and `values` with theirs behind. */
function conditionsOf(filter: ProductFilter, values: unknown[]): { conditions: string[]; values: unknown[] } {
  const conditions: string[] = [];
  const { words, merchantId, creatorId, kind, inStock, currency } = filter;
  if (words) {
    // An empty query would match nothing, and tell so in a notice for each call.
    conditions.push(
      words.length === 0
        ? 'false'
        : `to_tsvector('simple', search_fold(p.title || ' ' || p.description)) @@ to_tsquery('simple', search_fold($${values.push(`${words.join(' & ')}:*`)}))`,
    );
  }
  if (merchantId !== undefined) conditions.push(`p.merchant_id = $${values.push(merchantId)}`);
  if (creatorId !== undefined) {
    conditions.push(`p.merchant_id IN (SELECT mm.merchant_id FROM creator c JOIN merchant_member mm ON mm.viewer_id = c.viewer_id
      WHERE c.id = $${values.push(creatorId)})`);
  }
  if (kind !== undefined) conditions.push(`p.kind = $${values.push(kind)}`);
  if (inStock !== undefined) {
    conditions.push(
      `${inStock ? '' : 'NOT '}EXISTS (SELECT FROM product_variant v JOIN LATERAL (SELECT sum(i.on_hand - i.held) AS left ${STOCK_OF_VARIANT}) s
        ON s.left > 0 WHERE v.product_id = p.id AND v.active)`,
    );
  }
  if (currency !== undefined) {
    conditions.push(
      `EXISTS (SELECT FROM product_variant v WHERE v.product_id = p.id AND v.active AND v.currency = $${values.push(currency)})`,
    );
  }
  return { conditions, values };
}

function isEmpty(filter: ProductFilter): boolean {
  return Object.values(filter).every((value) => value === undefined);
}
