/** Offers that nobody ends: their time runs out, whatever becomes of the server that they began on. */
import type { Pool } from 'pg';
import { describe, expect } from 'vitest';
import { SWEEP_INTERVAL_MS } from '../../src/domains/offers/expiry-sweep.ts';
import { LIVE_EVENTS } from '../support/documents.ts';
import type { Endpoint } from '../support/endpoint.ts';
import { test as base } from '../support/fixtures.ts';
import { endStream, type LiveEvent, type LiveEventEdge, query, succeed } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { rowOf } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { atOnce } from './support/outcomes.ts';
import { startOffer } from './support/shop.ts';
import { insertMerchant, insertProduct } from './support/shop-rows.ts';

const NEVER_MS = 3_600_000;
/** What an offer may last beyond its time. */
const LATE_MS_MAX = 1_000;

const test = base.extend('shop', async ({ db, live }) => {
  const merchant = await insertMerchant(db.pool, { members: [live.creator] });
  return { merchant, product: await insertProduct(db.pool, merchant, { prices: Array<number>(30).fill(10_000) }) };
});

/** As if offers had begun a while earlier: they end in so many milliseconds, counted from now. */
async function letExpire(pool: Pool, streamId: string, inMs = 0): Promise<void> {
  await pool.query(
    `UPDATE offer SET starts_at = starts_at - interval '1 hour', ends_at = now() + make_interval(secs => $2::float8 / 1000)
      WHERE stream_id = $1 AND ended_at IS NULL`,
    [rowOf(streamId), inMs],
  );
}

/** Watches from the beginning until so many offers have ended. */
async function watchUntilEnded(server: Endpoint, streamId: string, offers: number): Promise<LiveEvent[]> {
  const feed = server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId, after: '' });
  let ended = 0;
  const seen = await feed.until(({ liveEvents }) => liveEvents.node.type === 'OFFER_ENDED' && ++ended === offers);
  await feed.close();
  return seen.map(({ liveEvents }) => liveEvents.node);
}

test('an offer ends when its time is over, by a sweep that comes more than once a second', async ({
  db,
  server,
  live,
  shop,
}) => {
  const { offer } = succeed(await startOffer(live.creator, live.streamId, shop.product.variantIds[0]!));
  await letExpire(db.pool, live.streamId, 50);
  const [, , ended] = await watchUntilEnded(server, live.streamId, 1);
  expect(ended).toMatchObject({ offerId: offer.id, reason: 'EXPIRED' });
  const document = 'query Offer($id: ID!) { offer(id: $id) { endsAt endReason } }';
  const read = await query<{ offer: { endsAt: string; endReason: string } }>(server.http(), document, { id: offer.id });
  expect(read.offer.endReason).toBe('EXPIRED');
  expect(Date.parse(ended!.occurredAt)).toBeGreaterThanOrEqual(Date.parse(read.offer.endsAt));
  expect(SWEEP_INTERVAL_MS, 'the server above sweeps as it comes').toBeLessThan(LATE_MS_MAX);
});

test('two servers that sweep side by side end each offer once', async ({ db, server, live, shop }) => {
  const other = await startServer({ databaseUrl: db.url, overrides: { offers: { sweepIntervalMs: 5 } } });
  const third = await startServer({ databaseUrl: db.url, overrides: { offers: { sweepIntervalMs: 5 } } });
  try {
    const started = await atOnce(30, (n) => startOffer(live.creator, live.streamId, shop.product.variantIds[n]!));
    await letExpire(db.pool, live.streamId);
    await watchUntilEnded(server, live.streamId, 30);
    succeed(await endStream(live.creator, live.streamId));
    const ended = (await readEvents(live.creator, live.streamId)).filter(({ type }) => type === 'OFFER_ENDED');
    expect(ended.map(({ offerId }) => offerId).sort()).toEqual(started.map((s) => succeed(s).offer.id).sort());
    expect(new Set(ended.map(({ reason }) => reason))).toEqual(new Set(['EXPIRED']));
  } finally {
    await Promise.all([other.close(), third.close()]);
  }
});

test('an offer of a server that stopped is ended by the next one', async ({ db, server, live, shop }) => {
  const { offer } = succeed(await startOffer(live.creator, live.streamId, shop.product.variantIds[0]!));
  await server.close();
  await letExpire(db.pool, live.streamId);
  const next = await startServer({ databaseUrl: db.url });
  try {
    expect(await watchUntilEnded(next, live.streamId, 1)).toMatchObject([{}, {}, { offerId: offer.id }]);
  } finally {
    await next.close();
  }
});

describe('before the sweep', () => {
  test.override('serverOptions', { overrides: { offers: { sweepIntervalMs: NEVER_MS } } });

  test('an offer whose time is over is open to nobody, and makes room for the next', async ({
    db,
    server,
    live,
    shop,
  }) => {
    const variantId = shop.product.variantIds[0]!;
    const first = succeed(await startOffer(live.creator, live.streamId, variantId)).offer;
    await letExpire(db.pool, live.streamId);
    const document = 'query Open($id: ID!) { liveStream(id: $id) { offers { id } } }';
    expect(await query(server.http(), document, { id: live.streamId })).toEqual({ liveStream: { offers: [] } });
    const second = succeed(await startOffer(live.creator, live.streamId, variantId)).offer;
    expect((await readEvents(live.creator, live.streamId)).slice(1)).toMatchObject([
      { type: 'OFFER_STARTED', offer: { id: first.id } },
      { type: 'OFFER_ENDED', offerId: first.id, reason: 'EXPIRED' },
      { type: 'OFFER_STARTED', offer: { id: second.id } },
    ]);
    await letExpire(db.pool, live.streamId);
    succeed(await endStream(live.creator, live.streamId));
    expect((await readEvents(live.creator, live.streamId)).slice(-2)).toMatchObject([
      { type: 'OFFER_ENDED', offerId: second.id, reason: 'EXPIRED' },
      { type: 'STREAM_ENDED' },
    ]);
  });
});
