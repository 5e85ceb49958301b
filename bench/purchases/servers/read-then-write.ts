/** What most shops start with: look whether there is stock, charge, then take the stock and write the order. */
import { serveBare } from './bare.ts';

serveBare(async (pool, { variantId, buyerId, quantity }) => {
  const stock = await pool.query<{ stock: number; price_minor: string }>(
    'SELECT stock, price_minor FROM bare_stock WHERE variant_id = $1',
    [variantId],
  );
  const found = stock.rows[0];
  if (!found || found.stock < quantity) return { soldOut: true };
  const amount = Number(found.price_minor) * quantity;
  await pool.query('INSERT INTO bare_charge (buyer_id, amount_minor) VALUES ($1, $2)', [buyerId, amount]);
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('UPDATE bare_stock SET stock = stock - $2 WHERE variant_id = $1', [variantId, quantity]);
    const order = await client.query<{ id: string }>(
      'INSERT INTO bare_order (variant_id, buyer_id, quantity, amount_minor) VALUES ($1, $2, $3, $4) RETURNING id',
      [variantId, buyerId, quantity, amount],
    );
    await client.query('COMMIT');
    return { orderId: order.rows[0]!.id };
  } finally {
    client.release();
  }
});
