/** What a driver may ask of the program with many buyers (`buyers.ts`). */

/** What a bare server is asked for, and what it answers. */
export type BareOrder = { variantId: string; buyerId: string; quantity: number };
export type BareAnswer = { orderId: string } | { soldOut: true };

/** One who buys. Ids of viewers are those of their addresses. */
export type Buyer = { viewerId: bigint; token: string };

/** Whom to buy from and what. */
export type BuyersOptions = {
  url: string;
  /** `bare`: JSON over HTTP, see {@link BareOrder}. */
  transport: 'http' | 'ws' | 'bare';
  buyers: readonly Buyer[];
  streamId: bigint;
  /** One of them at random for each purchase; one with an `offerId` is bought from the offer. */
  wares: readonly Ware[];
};
export type Ware = { variantId: bigint; offerId?: bigint; priceMinor: number };

/** Callers who buy in a closed loop, each in the name of one buyer after the other. */
export type RunOptions = BuyersOptions & { callers: number; warmUpMs: number; durationMs: number };

/** What a buyer was told is bought. */
export type Acknowledged = { buyerId: bigint; idempotencyKey: string };

/** How a run went. Figures are of the time after the warm-up. */
export type RunReport = {
  purchasesPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Share of one core that this process used. */
  clientCpuShare: number;
  /** All of them, those of the warm-up included. */
  acknowledged: Acknowledged[];
};

/** How a race went, in which each buyer wanted one. Times are since its start. */
export type RaceReport = {
  /** When it began, ms since the epoch. */
  startedAt: number;
  /** Buyers by how it ended for them: BOUGHT, or the code of an error. */
  ends: Record<string, number>;
  /** From a buyer's first attempt to their end. */
  p50Ms: number;
  p99Ms: number;
  /** When the last one heard that it is theirs, and when everybody had their end. */
  lastBoughtMs: number;
  allEndedMs: number;
  /** Attempts beyond the first: after a lost connection, or when the outcome was not known yet. */
  repeats: number;
  acknowledged: Acknowledged[];
};

/** Commands of the program. */
export type BuyerCommands = {
  run: (options: RunOptions) => Promise<RunReport>;
  /** Connects all buyers, so that a race begins with everybody there. */
  connect: (options: BuyersOptions) => Promise<void>;
  race: () => Promise<RaceReport>;
};

/** What every buyer sends, and all that it wants to know. */
export const BUY_DOCUMENT = `mutation Buy($input: BuyNowInput!) {
  buyNow(input: $input) {
    __typename
    ... on BuyNowSuccess { replayed order { id number state } }
    ... on Error { code message }
  }
}`;
