/** The page that is measured, and how each server's answer is read. */

export const PRODUCTS_DOCUMENT = `query Products($first: Int!) {
  products(first: $first) {
    edges {
      node {
        id title kind
        merchant { id handle name }
        variants { id title available price { minorUnits currency } }
        trust { sellerVerified disputeRate escrow deliveryPromiseDays lowestPriceLast30Days { minorUnits currency } }
      }
    }
  }
}`;

/** One of the products on it. Ids are each server's own. */
type ShownProduct = {
  id?: unknown;
  merchant: { id?: unknown };
  variants: { id?: unknown }[];
};
/** What all servers answer. */
export type ProductsAnswer = { products: { edges: { node: ShownProduct }[] } };

/** What a page shows, without the ids, so that all servers can be seen to show the same. */
export function shownOn({ products }: ProductsAnswer): unknown[] {
  const withoutId = ({ id: _id, ...rest }: { id?: unknown }) => rest;
  return products.edges.map(({ node }) => ({
    ...withoutId(node),
    merchant: withoutId(node.merchant),
    variants: node.variants.map(withoutId),
  }));
}
