/** What a driver may ask of the program with many gifters (`gifters.ts`). */
import type { checkRound } from '../gifts/check.ts';

/** Each connection is one viewer, who sends a gift as soon as an earlier one is answered. */
export type GiftersOptions = {
  url: string;
  transport: 'http' | 'ws';
  /** Gifts on the way of each viewer. Over HTTP each of them has a connection of its own. */
  inFlight: number;
  gifters: readonly { viewerId: bigint; token: string }[];
  streamId: bigint;
  giftIds: readonly bigint[];
  warmUpMs: number;
  durationMs: number;
};

/** What a gifter was told is sent, for the check of the books. */
export type Acknowledged = Parameters<typeof checkRound>[1][number];

/** How a round went. Figures are of the time after the warm-up. */
export type GiftersReport = {
  giftsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Share of one core that this process used. */
  clientCpuShare: number;
  /** All of them, those of the warm-up included. */
  acknowledged: Acknowledged[];
};

/** Commands of the program. */
export type GifterCommands = { run: (options: GiftersOptions) => Promise<GiftersReport> };

/** What every gifter sends, and all that it wants to know. */
export const SEND_GIFT_DOCUMENT = `mutation Send($input: SendGiftInput!) {
  sendGift(input: $input) {
    __typename
    ... on SendGiftSuccess {
      replayed
      wallet { coins }
      giftSent { seq occurredAt sender { id handle displayName } gift { id name coins } quantity coins streak }
    }
    ... on Error { code message }
  }
}`;
