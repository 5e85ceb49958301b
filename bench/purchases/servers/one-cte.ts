/** The fastest honest way without batches: one statement takes the stock, if there is some, and writes the order. No payment, no books. */
import { serveBare } from './bare.ts';

const BUY = {
  name: 'buy',
  text: `WITH taken AS (
     UPDATE bare_stock SET stock = stock - $2 WHERE variant_id = $1 AND stock >= $2 RETURNING variant_id, price_minor
   ) INSERT INTO bare_order (variant_id, buyer_id, quantity, amount_minor)
       SELECT variant_id, $3, $2::int, price_minor * $2 FROM taken RETURNING id`,
};

serveBare(async (pool, { variantId, buyerId, quantity }) => {
  const { rows } = await pool.query<{ id: string }>({ ...BUY, values: [variantId, quantity, buyerId] });
  return rows[0] ? { orderId: rows[0].id } : { soldOut: true };
});
