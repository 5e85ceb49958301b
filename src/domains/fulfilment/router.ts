/** A warehouse that keeps what is bought. */
export type StockCandidate = {
  warehouseId: bigint;
  warehouseMerchantId: bigint;
  /** ISO 3166 code of where it stands. */
  region: string;
  shipsAbroad: boolean;
  promiseMinutes: number;
  /** Units that can be bought now. */
  available: number;
};

/** What is wanted, and where. */
export type Delivery = {
  quantity: number;
  /** ISO 3166 code of the buyer's address; undefined where nothing is sent. */
  region: string | undefined;
  /** False for food: it never crosses a border. */
  crossesRegions: boolean;
};

/** Where a line comes from, or why it does not. Generic, so that what else a caller knows of a candidate comes back with it. */
export type Route<Candidate extends StockCandidate = StockCandidate> =
  | { kind: 'ROUTED'; candidate: Candidate }
  /** `available`: the most that one warehouse which delivers there has. */
  | { kind: 'SOLD_OUT'; available: number }
  | { kind: 'NOT_DELIVERABLE' };

/**
 * Picks the warehouse that a line comes from; a line is never split. Of those with enough stock: in the buyer's own region
 * first, then the fastest promise, then the lowest id.
 */
export function route<Candidate extends StockCandidate>(
  candidates: readonly Candidate[],
  { quantity, region, crossesRegions }: Delivery,
): Route<Candidate> {
  const isNear = (candidate: StockCandidate) => region === undefined || candidate.region === region;
  const delivering = candidates.filter((candidate) => isNear(candidate) || (crossesRegions && candidate.shipsAbroad));
  if (delivering.length === 0 && candidates.length > 0) return { kind: 'NOT_DELIVERABLE' };
  const [best] = delivering
    .filter(({ available }) => available >= quantity)
    .sort(
      (one, other) =>
        Number(isNear(other)) - Number(isNear(one)) ||
        one.promiseMinutes - other.promiseMinutes ||
        (one.warehouseId < other.warehouseId ? -1 : 1),
    );
  if (best) return { kind: 'ROUTED', candidate: best };
  return { kind: 'SOLD_OUT', available: Math.max(0, ...delivering.map(({ available }) => available)) };
}
