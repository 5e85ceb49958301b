import { type FeedSubscription, OnAirDocument } from './generated/graphql.ts';
import { send, sendGift, watch } from './graphql-ws.ts';
import { type Api, openSocket } from './socket.ts';

/** Sends a rose into a creator's stream and shows its events, from the first one on, until it is over. */
export async function start(api: Api, handle: string, show: (event: FeedSubscription['liveEvents']) => void) {
  const socket = openSocket(api);
  const { creator, gifts } = await send(socket, OnAirDocument, { handle });
  const [streamId, giftId] = [creator?.currentStream?.id, gifts[0]?.id];
  if (!streamId || !giftId) throw new Error(`${handle} is not on air.`);
  const sent = await sendGift(socket, { streamId, giftId, idempotencyKey: crypto.randomUUID() });
  if (sent.sendGift.__typename !== 'SendGiftSuccess') throw new Error(sent.sendGift.code);
  for await (const { data } of watch(socket, streamId, '')) {
    if (data) show(data.liveEvents);
    if (data?.liveEvents.node.__typename === 'StreamEnded') break; // corrections may come weeks later
  }
}
