import type { LiveEventDraft } from '../../live/live-event.ts';
import type { Profile } from '../accounts/accounts.api.ts';
import type { BoxEnd, BoxState } from './boxes.state.ts';

/** A treasure box as everybody sees it; a row, or a part of an event, which has it as it was then. */
export type BoxView = {
  id: bigint | number;
  streamId: bigint | number;
  funder: { id: bigint | number; handle: string; displayName: string };
  coins: bigint | number;
  shares: number;
  shareCoins: bigint | number;
  claimed: number;
  state: BoxState;
  /** ISO 8601 in an event. */
  fundedAt: Date | string;
  opensAt: Date | string;
  closesAt: Date | string;
  closedAt: Date | string | null;
  returned: bigint | number | null;
};

/** Payload of BOX_FUNDED: the box as it is then. */
export type BoxFundedPayload = { box: BoxView };
/** Payload of BOX_OPENED. */
export type BoxOpenedPayload = { boxId: number };
/** Payload of BOX_CLAIMED: who had a share of it in one batch, each the same, and how many are left behind them. */
export type BoxClaimedPayload = { boxId: number; viewers: Profile[]; shareCoins: number; remaining: number };
/** Payload of BOX_CLOSED. */
export type BoxClosedPayload = { boxId: number; reason: BoxEnd; claimed: number; returned: number };

/** Makes the events of this domain. Payloads are JSON: ids and amounts are numbers in them. */
export const boxEvents = {
  funded: (box: BoxView): LiveEventDraft<'BOX_FUNDED', BoxFundedPayload> => ({
    streamId: BigInt(box.streamId),
    type: 'BOX_FUNDED',
    payload: {
      box: {
        ...box,
        id: Number(box.id),
        streamId: Number(box.streamId),
        funder: { ...box.funder, id: Number(box.funder.id) },
        coins: Number(box.coins),
        shareCoins: Number(box.shareCoins),
        fundedAt: new Date(box.fundedAt).toISOString(),
        opensAt: new Date(box.opensAt).toISOString(),
        closesAt: new Date(box.closesAt).toISOString(),
        closedAt: null,
        returned: null,
      },
    },
  }),
  opened: (streamId: bigint, boxId: bigint): LiveEventDraft<'BOX_OPENED', BoxOpenedPayload> => ({
    streamId,
    type: 'BOX_OPENED',
    payload: { boxId: Number(boxId) },
  }),
  claimed: (
    streamId: bigint,
    boxId: bigint,
    { viewers, shareCoins, remaining }: { viewers: Profile[]; shareCoins: bigint; remaining: number },
  ): LiveEventDraft<'BOX_CLAIMED', BoxClaimedPayload> => ({
    streamId,
    type: 'BOX_CLAIMED',
    payload: { boxId: Number(boxId), viewers, shareCoins: Number(shareCoins), remaining },
  }),
  closed: (
    streamId: bigint,
    boxId: bigint,
    { reason, claimed, returned }: { reason: BoxEnd; claimed: number; returned: bigint },
  ): LiveEventDraft<'BOX_CLOSED', BoxClosedPayload> => ({
    streamId,
    type: 'BOX_CLOSED',
    payload: { boxId: Number(boxId), reason, claimed, returned: Number(returned) },
  }),
};
