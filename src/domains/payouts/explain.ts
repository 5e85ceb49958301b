import type { DiamondMove } from './history.repo.ts';

/** A movement of diamonds in a sentence. */
export function explain({ kind, diamonds, gift }: DiamondMove): string {
  const many = count(diamonds < 0n ? -diamonds : diamonds, 'diamond');
  if (gift) {
    const { sender, quantity, gift: of, coins } = gift;
    const what = `${quantity} × ${of.name} from ${sender.displayName} (${count(coins, 'coin')})`;
    return kind === 'GIFT_EARNED' ? `${many} for ${what}` : `${many} less: ${what} was taken back`;
  }
  const isIn = diamonds > 0n;
  switch (kind) {
    case 'DIAMONDS_SETTLED':
      return isIn ? `${many} became available` : `${many} left the settlement hold`;
    case 'DIAMOND_DEBT_PAID':
      return `${many} paid for gifts that were taken back earlier`;
    case 'DIAMONDS_HELD':
      return `${many} set aside by an operator`;
    case 'DIAMONDS_RELEASED':
      return `${many} released by an operator`;
    case 'PAYOUT_REQUESTED':
      return `${many} set aside for a payout`;
    case 'PAYOUT_PAID':
      return `${many} paid out`;
    default:
      return `${many} back from a payout that failed`;
  }
}

function count(amount: bigint, unit: string): string {
  return `${amount} ${unit}${amount === 1n ? '' : 's'}`;
}
