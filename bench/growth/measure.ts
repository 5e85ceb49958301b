import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { callInTurn } from '../lib/callers.ts';
import { watchPostgresCpu } from '../lib/cpu.ts';
import { below, createRandom } from '../lib/random.ts';
import { asActor, openServices } from '../lib/services.ts';
import { quantile } from '../lib/stats.ts';

/** What gifts cost at one size. CPU of Postgres is that of all its processes; NaN where there is no /proc. */
export type GiftCost = {
  giftsPerSecond: number;
  p50Ms: number;
  nodeUsPerGift: number;
  postgresUsPerGift: number;
};

const CALLERS = 128;
const QUANTITY_MAX = 3;
/** Only the cheaper gifts are sent, so that no wallet runs dry. */
const GIFT_COINS_MAX = 50;
const SEED = 20_261_122;

/** Sends gifts in this process into one stream, from viewers at random, and measures what they cost. */
export async function measureGifts(
  databaseUrl: string,
  target: { streamId: bigint; viewerIds: { first: number; last: number } },
  options: { warmUpMs: number; durationMs: number; log: Logger; signal: AbortSignal },
): Promise<GiftCost> {
  const services = openServices(databaseUrl, options.log);
  const readPostgresCpu = await watchPostgresCpu(databaseUrl);
  const { first, last } = target.viewerIds;
  const random = createRandom(SEED);
  const gifts = (await services.db.prisma.gift.findMany({ where: { coins: { lte: GIFT_COINS_MAX } } })).map(
    ({ id }) => id,
  );
  services.gifts.start();
  const send = async (): Promise<'SENT'> => {
    const id = BigInt(first + below(random, last - first + 1));
    // As after a sign-in: the caller holds its actor.
    await services.gifts.send(asActor({ id, handle: `viewer${id}`, displayName: `Viewer ${id}` }), {
      streamId: target.streamId,
      giftId: gifts[below(random, gifts.length)]!,
      quantity: 1 + below(random, QUANTITY_MAX),
      idempotencyKey: randomUUID(),
    });
    return 'SENT';
  };
  try {
    const { signal, warmUpMs, durationMs } = options;
    await callInTurn({ callers: CALLERS, signal, warmUpMs: 0, durationMs: warmUpMs }, send);
    const beforeMs = readPostgresCpu();
    const measured = await callInTurn({ callers: CALLERS, signal, warmUpMs: 0, durationMs }, send);
    const postgresMs = readPostgresCpu() - beforeMs;
    const latenciesMs = measured.latenciesMs.get('SENT') ?? [];
    const count = latenciesMs.length;
    return {
      giftsPerSecond: (count * 1000) / durationMs,
      p50Ms: quantile(latenciesMs, 0.5),
      nodeUsPerGift: (measured.cpuMs * 1000) / count,
      postgresUsPerGift: (postgresMs * 1000) / count,
    };
  } finally {
    await services.close();
  }
}
