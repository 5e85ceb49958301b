import { builder, PAGE_SIZE_MAX } from '../../../graphql/builder.ts';
import { type Cursors, numberCursors, orderedConnection } from '../../../graphql/connection.ts';
import { toGlobalId } from '../../../graphql/global-id.ts';
import { MoneyType } from '../../../graphql/money.ts';
import { NOT_A_CURSOR, rules } from '../../../graphql/rules.ts';
import { InvalidInputError } from '../../../kernel/errors.ts';
import { PublicProfileType } from '../../accounts/accounts.schema.ts';
import { WalletType } from '../wallet.schema.ts';
import {
  type BoxDetails,
  countHistory,
  type EntryRow,
  type GiftDetails,
  type Position,
  type PurchaseDetails,
  readHistory,
} from './history.repo.ts';
import { ENTRY_KINDS, kindOf, textOf } from './history.text.ts';

const WalletEntryKindEnum = builder.enumType('WalletEntryKind', {
  description: 'Why coins moved.',
  values: Object.fromEntries(
    Object.entries(ENTRY_KINDS).map(([kind, description]) => [kind, { description }]),
  ) as Record<keyof typeof ENTRY_KINDS, { description: string }>,
});

const WalletGiftType = builder.objectRef<GiftDetails>('WalletGift').implement({
  description: 'A gift that you have sent.',
  fields: (t) => ({
    giftId: t.id({
      description: 'Global id of the kind of gift.',
      resolve: ({ giftId }) => toGlobalId('Gift', giftId),
    }),
    name: t.exposeString('name', { description: 'What it is called.' }),
    quantity: t.exposeInt('quantity', { description: 'How many.' }),
    coins: t.expose('coins', { type: 'SafeInt', description: 'What they cost together.' }),
    creator: t.expose('creator', { type: PublicProfileType, description: 'Whom you sent it to.' }),
    streamId: t.id({
      description: 'Global id of the stream.',
      resolve: ({ streamId }) => toGlobalId('LiveStream', streamId),
    }),
    streamTitle: t.exposeString('title', { description: 'What the stream is called.' }),
    seq: t.expose('seq', { type: 'SafeInt', description: 'Its number in the log of the stream.' }),
  }),
});

const WalletBoxType = builder.objectRef<BoxDetails>('WalletBox').implement({
  description: 'A treasure box that you have funded or had a share of.',
  fields: (t) => ({
    boxId: t.id({ description: 'Global id of the box.', resolve: ({ id }) => toGlobalId('TreasureBox', id) }),
    funder: t.expose('funder', { type: PublicProfileType, description: 'Who put the coins into it.' }),
    streamId: t.id({
      description: 'Global id of the stream.',
      resolve: ({ streamId }) => toGlobalId('LiveStream', streamId),
    }),
    streamTitle: t.exposeString('title', { description: 'What the stream is called.' }),
  }),
});

const WalletPurchaseType = builder.objectRef<PurchaseDetails>('WalletPurchase').implement({
  description: 'A purchase of coins.',
  fields: (t) => ({
    coins: t.expose('coins', { type: 'SafeInt', description: 'Coins that were bought.' }),
    price: t.field({
      type: MoneyType,
      description: 'What they cost.',
      resolve: ({ priceMinor, currency }) => ({ minorUnits: BigInt(priceMinor), currency }),
    }),
  }),
});

const WalletEntryType = builder.objectRef<EntryRow>('WalletEntry').implement({
  description: 'Coins came into the wallet or went out of it: one row of the ledger, which never changes.',
  fields: (t) => ({
    id: t.id({ description: 'The number of the transfer, for the support.', resolve: ({ id }) => String(id) }),
    kind: t.field({ type: WalletEntryKindEnum, description: 'Why.', resolve: kindOf }),
    amount: t.expose('amount', { type: 'SafeInt', description: 'Coins that came in; negative: that went out.' }),
    balance: t.expose('balance', { type: 'SafeInt', description: 'Coins in the wallet after it.' }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'When.' }),
    text: t.string({ description: 'All of it in a sentence, for people.', resolve: textOf }),
    gift: t.expose('gift', {
      type: WalletGiftType,
      nullable: true,
      description: 'The gift that was sent, or taken back; else null.',
    }),
    purchase: t.expose('purchase', {
      type: WalletPurchaseType,
      nullable: true,
      description: 'The purchase of the coins that came in, or that the bank took back; else null.',
    }),
    box: t.expose('box', {
      type: WalletBoxType,
      nullable: true,
      description: 'The treasure box that coins went into or came out of; else null.',
    }),
    reverses: t.id({
      nullable: true,
      description: 'The `id` of the entry that this one takes back; else null.',
      resolve: ({ reverses }) => (reverses === null ? null : String(reverses)),
    }),
  }),
});

const WalletHistoryConnection = builder.connectionObject(
  {
    type: WalletEntryType,
    name: 'WalletHistoryConnection',
    description: 'A page of what has moved your coins, newest first.',
    fields: (t) => ({
      totalCount: t.int({
        description: 'All movements there have been. Counted only when it is asked for.',
        resolve: ({ totalCount }) => (typeof totalCount === 'function' ? totalCount() : totalCount),
      }),
    }),
  },
  { name: 'WalletHistoryEdge', description: 'A movement and where it stands.' },
);

/** A cursor is a transfer of this wallet, and the balance after it: a page needs to know nothing of those before it. */
const cursors: Cursors<EntryRow, Position> = {
  of: ({ id, balance }) => numberCursors.of({ id, sortKey: balance }),
  from: (cursor) => {
    const position = numberCursors.from(cursor);
    return position && { id: position.id, balance: position.sortKey };
  },
};

builder.objectField(WalletType, 'history', (t) =>
  t.field({
    type: WalletHistoryConnection,
    description: 'What has moved your coins, newest first; each row explains itself.',
    args: {
      first: t.arg.int({ description: `Rows wanted, ${PAGE_SIZE_MAX} at the most.`, validate: rules.pageSize }),
      after: t.arg.string({
        description: 'Cursor of the row behind which the page begins.',
        validate: rules.rowCursor,
      }),
    },
    resolve: ({ viewerId }, args, { services }) =>
      orderedConnection(args, cursors, {
        page: async ({ from, limit }) => {
          const entries = await readHistory(services.db.pool, viewerId, { from, limit });
          if (!entries) throw new InvalidInputError([{ path: 'after', message: NOT_A_CURSOR }]);
          return entries;
        },
        count: () => countHistory(services.db.pool, viewerId),
      }) as never,
  }),
);
