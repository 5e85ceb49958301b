import type { Connection } from './connection.ts';
import { QUERIES } from './documents.ts';

/** A variant of which there are fewer is filled up. */
const LEFT_MIN = 10;
/** How many there are then: a few hours of offers. */
const FULL = 60;
/** How many looks at the stream there are for one at the stock: some hundred rows, which change slowly. */
const LOOKS_PER_STOCK_LOOK = 5;

type Owned = {
  warehouses: { id: string }[];
  products: { edges: { node: { kind: string; variants: { sku: string; available: number }[] } }[] };
};

/**
 * Keeps what a creator of the demo sells in stock, or a shop that is bought from for hours would end sold out. With several
 * audiences it is the same stock: it is set, not added.
 */
export class Stockroom {
  #looks = 0;

  constructor(private readonly connection: Connection) {}

  /** Looks now and then, and fills up what is running low. Somebody without a shop has nothing to fill up. */
  async look(): Promise<void> {
    if (this.#looks++ % LOOKS_PER_STOCK_LOOK !== 0) return;
    const { me } = await this.connection.query<{ me: { merchants: Owned[] } }>(QUERIES.stock);
    for (const { warehouses, products } of me.merchants) {
      const [warehouse] = warehouses;
      if (!warehouse) continue;
      const low = products.edges
        .filter(({ node }) => node.kind === 'PHYSICAL')
        .flatMap(({ node }) => node.variants.filter(({ available }) => available < LEFT_MIN));
      for (const { sku } of low) {
        await this.connection.mutate('setStock', { warehouseId: warehouse.id, sku, onHand: FULL });
      }
    }
  }
}
