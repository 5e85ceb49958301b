import type { Queryable } from '../../db/database.ts';
import type { Profile } from '../accounts/accounts.api.ts';

/** A share that somebody wants. */
export type Claim = { boxId: bigint; viewerId: bigint };

/** What became of one claim. Only CLAIMED has written something. */
export type JudgedClaim =
  | { kind: 'CLAIMED' | 'REPLAYED'; coins: bigint }
  | { kind: 'EARLY' | 'CLOSED'; opensAt: Date }
  | { kind: 'BANNED'; until: Date | null }
  | { kind: 'UNKNOWN' | 'OWN' | 'EMPTY' };

/** A box of which somebody had a share in the batch. */
export type ClaimedBox = {
  id: bigint;
  streamId: bigint;
  /** Whether it was the batch that opened it. */
  opened: boolean;
  shareCoins: bigint;
  remaining: number;
  viewers: Profile[];
};

/** What boxes_claim returns, see the migration that made it. */
type Result = {
  outcomes: JudgedClaim['kind'][];
  coins: (number | null)[];
  until: (string | null)[];
  opensAt: (string | null)[];
  boxes: [boxId: number, streamId: number, shareCoins: number, remaining: number, opened: boolean][] | null;
  winners: [boxId: number, viewerId: number, handle: string, displayName: string][] | null;
};

/**
 * Claims shares, in the caller's transaction, which has locked nothing that stands behind the boxes in the lock order.
 * @returns an outcome for each, the boxes of which somebody had a share now, and the viewers who have one, now or before
 */
export async function claimShares(
  sql: Queryable,
  claims: readonly Claim[],
  boxesAccountId: bigint,
): Promise<{ outcomes: JudgedClaim[]; boxes: ClaimedBox[]; viewerIds: bigint[] }> {
  const { rows: found } = await sql.query<[string]>({
    name: 'boxes.claim',
    text: '/* boxes.claim */ SELECT boxes_claim($1, $2, $3)::text',
    values: [claims.map(({ boxId }) => boxId), claims.map(({ viewerId }) => viewerId), boxesAccountId],
    rowMode: 'array',
  });
  const result = JSON.parse(found[0]![0]) as Result;
  const outcomes = result.outcomes.map((kind, index): JudgedClaim => {
    switch (kind) {
      case 'CLAIMED':
      case 'REPLAYED':
        return { kind, coins: BigInt(result.coins[index]!) };
      case 'EARLY':
      case 'CLOSED':
        return { kind, opensAt: new Date(result.opensAt[index]!) };
      case 'BANNED':
        return { kind, until: result.until[index] === 'infinity' ? null : new Date(result.until[index]!) };
      default:
        return { kind };
    }
  });
  const boxes = (result.boxes ?? []).map(([id, streamId, shareCoins, remaining, opened]) => ({
    id: BigInt(id),
    streamId: BigInt(streamId),
    opened,
    shareCoins: BigInt(shareCoins),
    remaining,
    viewers: (result.winners ?? [])
      .filter(([boxId]) => boxId === id)
      .map(([, viewerId, handle, displayName]) => ({ id: viewerId, handle, displayName })),
  }));
  const has = claims.filter((_claim, index) => 'coins' in outcomes[index]!);
  return { outcomes, boxes, viewerIds: [...new Set(has.map(({ viewerId }) => viewerId))] };
}
