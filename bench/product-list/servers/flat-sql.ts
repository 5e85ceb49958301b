/** The least that the page can cost: bare node:http, nobody signed in, one prepared statement that makes the whole answer. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { POOL_SIZE_MAX } from '../../../src/db/database.ts';
import { readArgument, serveCommands } from '../../lib/commands.ts';

const { databaseUrl } = readArgument<{ databaseUrl: string }>();
const pool = new pg.Pool({ connectionString: databaseUrl, max: POOL_SIZE_MAX, keepAlive: true });
const PAGE = {
  name: 'page',
  text: `SELECT json_build_object('data', json_build_object('products', json_build_object('edges', json_agg(json_build_object('node', json_build_object(
      'id', p.id, 'title', p.title, 'kind', p.kind, 'merchant', json_build_object('id', m.id, 'handle', m.handle, 'name', m.name),
      'variants', v.variants, 'trust', json_build_object('sellerVerified', m.verified, 'disputeRate', s.rate, 'escrow', true,
        'deliveryPromiseDays', ceil(v.minutes / 1440.0)::int, 'lowestPriceLast30Days', json_build_object('minorUnits', v.lowest, 'currency', v.currency))
    )) ORDER BY p.id DESC))))::text AS answer
     FROM (SELECT * FROM product WHERE status = 'PUBLISHED' ORDER BY id DESC LIMIT $1) p JOIN merchant m ON m.id = p.merchant_id
     CROSS JOIN LATERAL (
       SELECT json_agg(json_build_object('id', v.id, 'title', v.title, 'available', i.available,
                'price', json_build_object('minorUnits', v.price_minor, 'currency', v.currency)) ORDER BY v.position, v.id) AS variants,
              min(i.minutes) AS minutes, min(c.lowest) AS lowest, min(v.currency) AS currency
         FROM product_variant v
         CROSS JOIN LATERAL (SELECT sum(i.on_hand - i.held)::int AS available, min(w.promise_minutes) FILTER (WHERE i.on_hand > i.held) AS minutes
                               FROM inventory i JOIN warehouse w ON w.id = i.warehouse_id WHERE i.item_id = v.item_id) i
         CROSS JOIN LATERAL (SELECT min(price_minor) AS lowest FROM price_change
                              WHERE variant_id = v.id AND changed_at > clock_timestamp() - interval '30 days') c
        WHERE v.product_id = p.id AND v.active
     ) v
     CROSS JOIN LATERAL (
       SELECT CASE WHEN count(*) >= 20 THEN count(d.order_id)::float8 / count(*) END AS rate
         FROM shop_order o LEFT JOIN (SELECT DISTINCT order_id FROM dispute) d ON d.order_id = o.id
        WHERE o.merchant_id = m.id AND o.state NOT IN ('PENDING_PAYMENT', 'CANCELLED') AND o.created_at > clock_timestamp() - interval '90 days'
     ) s`,
};

const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text: string) => {
    body += text;
  });
  request.on('end', () => {
    const { variables } = JSON.parse(body) as { variables: { first: number } };
    pool.query<{ answer: string }>({ ...PAGE, values: [variables.first] }).then(
      ({ rows }) => response.writeHead(200, { 'content-type': 'application/json' }).end(rows[0]!.answer),
      (error: unknown) => response.writeHead(500).end(JSON.stringify({ errors: [String(error)] })),
    );
  });
});
server.listen(0, '127.0.0.1', () => {
  serveCommands({}, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql` });
});
