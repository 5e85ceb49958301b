/** On a server that is no demo nobody moves a shipment but whoever sends it. Its schema is another, so it needs a process of its own. */
import { expect } from 'vitest';
import { freshHandle, query } from '../support/operations.ts';
import { createMerchant, placeOrder } from './support/order-rows.ts';
import { testOn } from './support/shared-server.ts';
import { SECRET, signToken } from './support/tokens.ts';

const test = testOn({
  config: { auth: { mode: 'secret', secret: SECRET } },
  overrides: { fulfilment: { partnerSweepIntervalMs: 5, sandbox: { stepIntervalMs: 0 } } },
});

test('the sandbox of a partner is off', async ({ db, server }) => {
  const token = await signToken({ sub: freshHandle() });
  const api = server.http(token);
  const { me } = await query<{ me: { id: string; handle: string } }>(api, '{ me { id handle } }');
  const seller = await createMerchant(db.pool);
  const partner = await createMerchant(db.pool, { kind: 'RETAIL_PARTNER' });
  const order = await placeOrder(server, db.pool, { buyer: { ...me, token, api }, seller, lines: [{ from: partner }] });
  for (let round = 0; round < 3; round++) await server.app.services.fulfilment.partners.sweep();
  const { rows } = await db.pool.query('SELECT state, partner_id FROM shipment WHERE order_id = $1', [order.id]);
  expect(rows).toEqual([{ state: 'PENDING', partner_id: null }]);
});
