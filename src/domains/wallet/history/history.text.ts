import { formatAmount } from '../../../kernel/money.ts';
import type { EntryRow } from './history.repo.ts';

/** The kinds of movement that a wallet can have, each with what it is. */
export const ENTRY_KINDS = {
  COIN_PURCHASE: 'Coins were bought.',
  GIFT_SPENT: 'A gift was sent.',
  GIFT_REFUNDED: 'A gift was taken back: its coins are yours again.',
  COINS_CHARGED_BACK: 'The bank has taken back the money for a purchase, and so its coins went.',
  COIN_DEBT_PAID: 'Coins went against what you owed after a chargeback.',
  BOX_FUNDED: 'Coins were put into a treasure box.',
  BOX_CLAIMED: 'A share of a treasure box.',
  BOX_RETURNED: 'What nobody had of your treasure box came back.',
  DEMO_GRANT: 'Play coins of the demo.',
  OTHER: 'Something else; see the text.',
} as const;

/** One of {@link ENTRY_KINDS}. */
export type EntryKind = keyof typeof ENTRY_KINDS;

/** The kind of an entry, as the API names it. */
export function kindOf({ kind }: Pick<EntryRow, 'kind'>): EntryKind {
  return kind in ENTRY_KINDS ? (kind as EntryKind) : 'OTHER';
}

/** An entry in a sentence, in English. */
export function textOf(entry: EntryRow): string {
  const coins = count(entry.amount < 0n ? -entry.amount : entry.amount);
  const gift = entry.gift;
  const what = gift && `${gift.quantity} × ${gift.name} to ${gift.creator.displayName} in “${gift.title}”`;
  const money =
    entry.purchase &&
    `${formatAmount({ minorUnits: BigInt(entry.purchase.priceMinor), currency: entry.purchase.currency })} ${entry.purchase.currency}`;
  const box = `treasure box ${entry.causeId}${entry.box ? ` in “${entry.box.title}”` : ''}`;
  switch (kindOf(entry)) {
    case 'COIN_PURCHASE':
      return `Bought ${coins} for ${money}.`;
    case 'GIFT_SPENT':
      return `Sent ${what}.`;
    case 'GIFT_REFUNDED':
      return `Refunded: ${what}${entry.reversesAt ? `, sent on ${day(entry.reversesAt)}` : ''}.`;
    case 'COINS_CHARGED_BACK':
      return entry.amount < 0n
        ? `Your bank took back ${money}: ${coins} of that purchase left the wallet.`
        : `The chargeback of ${money} was withdrawn: ${coins} are back.`;
    case 'COIN_DEBT_PAID':
      return `${coins} paid what was owed after a chargeback.`;
    case 'BOX_FUNDED':
      return `Put ${coins} into ${box}.`;
    case 'BOX_CLAIMED':
      return `Had a share of ${coins} of ${box}${entry.box ? `, from ${entry.box.funder.displayName}` : ''}.`;
    case 'BOX_RETURNED':
      return `${coins} of ${box} came back: nobody had claimed them.`;
    case 'DEMO_GRANT':
      return `${coins} to play with in the demo.`;
    case 'OTHER':
      return `${coins} ${entry.amount < 0n ? 'went out' : 'came in'} (${entry.kind}, ${entry.causeId}).`;
  }
}

function count(coins: bigint): string {
  return coins === 1n ? '1 coin' : `${coins} coins`;
}

function day(at: Date): string {
  return at.toISOString().slice(0, 10);
}
