/** What typed documents give, in the words of the tests. The types of the answers narrow by `__typename`. */
import type { RoomQuery, SendGiftMutation } from '../../../examples/clients/generated/graphql.ts';
import type { GiftOutcome, Room } from './adapter.ts';

/** What the `Room` query gives. */
export function roomOf({ me, liveStream }: RoomQuery): Room {
  return {
    me: me && { handle: me.handle, coins: me.wallet.coins },
    title: liveStream!.title,
    firstEvents: liveStream!.events.edges.map(({ node }) => node.__typename),
  };
}

/** What `sendGift` gives. */
export function outcomeOf(result: SendGiftMutation['sendGift']): GiftOutcome {
  switch (result.__typename) {
    case 'SendGiftSuccess': {
      const { replayed, wallet, giftSent } = result;
      return { kind: 'sent', replayed, coins: wallet.coins, seq: giftSent.seq };
    }
    case 'InsufficientCoinsError':
      return { kind: 'too few coins', required: result.required, available: result.available };
    default:
      return { kind: 'refused', code: result.code };
  }
}
