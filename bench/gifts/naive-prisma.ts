import { createHash } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import { streakEnded } from '../../src/domains/gifts/gifts.events.ts';
import { STREAK_WINDOW_MS } from '../../src/domains/gifts/gifts.service.ts';
import type { Gift, GiftStreak, LedgerAccount, Stream, Viewer } from '../../src/generated/prisma/client.ts';
import { Prisma, PrismaClient } from '../../src/generated/prisma/client.ts';
import type { GiftAnswer, GiftOrder, GiftVariant } from './variant.ts';

/** Long enough for every caller to get its turn. */
const TRANSACTION_MS_MAX = 60_000;
const UNIQUE_VIOLATION = 'P2002';

/** A gift with everything that its transaction has found out. */
type Sending = {
  tx: Prisma.TransactionClient;
  order: GiftOrder;
  stream: Stream;
  gift: Gift;
  viewer: Viewer;
  coins: bigint;
  at: Date;
  /** The viewer's, as the gift found it. */
  wallet: LedgerAccount;
};

class InsufficientCoins extends Error {}

/**
 * One interactive transaction per gift, as most would write it with Prisma against this schema. It keeps the
 * rules of the ledger, writes the same rows and is never wrong; it only knows nothing of hot rows. (It has no sweep that closes
 * streaks nobody continues, which saves it some work.)
 * @param poolSize connections: more than a few only wait for the same rows
 */
export function openNaive(databaseUrl: string, poolSize: number): GiftVariant {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: databaseUrl, max: poolSize }) });
  const attempt = (order: GiftOrder): Promise<GiftAnswer> =>
    prisma.$transaction((tx) => sendGift(tx, order), { maxWait: TRANSACTION_MS_MAX, timeout: TRANSACTION_MS_MAX });
  return {
    send: async (order) => {
      try {
        return await attempt(order);
      } catch (error) {
        if (error instanceof InsufficientCoins) return { kind: 'REFUSED' };
        // A call with the same key was quicker: now its gift is there to be found.
        if (error instanceof Prisma.PrismaClientKnownRequestError && error.code === UNIQUE_VIOLATION) {
          return attempt(order);
        }
        throw error;
      }
    },
    close: () => prisma.$disconnect(),
  };
}

async function sendGift(tx: Prisma.TransactionClient, order: GiftOrder): Promise<GiftAnswer> {
  const { viewerId, idempotencyKey, streamId, giftId, quantity } = order;
  const key = await tx.giftKey.findUnique({ where: { viewerId_idempotencyKey: { viewerId, idempotencyKey } } });
  if (key) {
    const known = await tx.giftSent.findUniqueOrThrow({ where: { id: key.giftSentId } });
    if (known.streamId !== streamId || known.giftId !== giftId || known.quantity !== quantity) {
      throw new Error('The key stands for another gift');
    }
    const event = await tx.liveEvent.findUniqueOrThrow({ where: { streamId_seq: { streamId, seq: known.seq } } });
    return { kind: 'REPLAYED', seq: event.seq };
  }
  const stream = await tx.stream.findUnique({ where: { id: streamId } });
  if (stream?.status !== 'LIVE') throw new Error('The stream is not live');
  const gift = await tx.gift.findUnique({ where: { id: giftId } });
  if (!gift?.active) throw new Error('There is no such gift');
  const viewer = await tx.viewer.findUniqueOrThrow({ where: { id: viewerId } });

  const coins = gift.coins * BigInt(quantity);
  const wallet = await takeCoins(tx, viewer.walletId, coins);
  const sending: Sending = { tx, order, stream, gift, viewer, coins, at: new Date(), wallet };
  await tx.streamGifter.upsert({
    where: { streamId_viewerId: { streamId, viewerId } },
    create: { streamId, viewerId, coins },
    update: { coins: { increment: coins } },
  });
  const { streak, broken } = await continueStreak(sending);
  const seq = await appendToLog(sending, streak, broken);
  await payCreator(sending, seq, streak);
  return { kind: 'SENT', seq };
}

/** Also locks the wallet, so that the viewer's own gifts come one after another from here on. */
async function takeCoins(tx: Prisma.TransactionClient, walletId: bigint, coins: bigint): Promise<LedgerAccount> {
  const [wallet] = await tx.ledgerAccount.updateManyAndReturn({
    where: { id: walletId, balance: { gte: coins } },
    data: { balance: { decrement: coins }, version: { increment: 1n } },
  });
  if (!wallet) throw new InsufficientCoins();
  return wallet;
}

/** Counts the gift into the viewer's streak. A streak of another gift, or one that is too old, is broken by it. */
async function continueStreak(sending: Sending): Promise<{ streak: number; broken: GiftStreak | undefined }> {
  const { tx, order, coins, at } = sending;
  const { streamId, viewerId, giftId, quantity } = order;
  const key = { streamId_viewerId: { streamId, viewerId } };
  const open = await tx.giftStreak.findUnique({ where: key });
  const continues = open?.giftId === giftId && open.expiresAt >= at;
  const streak = {
    giftId,
    total: continues ? open.total + quantity : quantity,
    coins: continues ? open.coins + coins : coins,
    expiresAt: new Date(at.getTime() + STREAK_WINDOW_MS),
  };
  await tx.giftStreak.upsert({ where: key, create: { streamId, viewerId, ...streak }, update: streak });
  return { streak: streak.total, broken: open && !continues ? open : undefined };
}

/** Writes the gift's event, behind that of the streak it breaks, and returns its number. */
async function appendToLog(sending: Sending, streak: number, broken: GiftStreak | undefined): Promise<bigint> {
  const { tx, order, gift, viewer, coins, at } = sending;
  const { streamId, quantity } = order;
  const sender = { id: Number(viewer.id), handle: viewer.handle, displayName: viewer.displayName };
  const shown = (kind: Gift) => ({ id: Number(kind.id), name: kind.name, coins: Number(kind.coins) });
  const payload = { sender, gift: shown(gift), quantity, coins: Number(coins), streak };
  const drafts: { type: string; payload: Prisma.InputJsonObject }[] = [{ type: 'GIFT_SENT', payload }];
  if (broken) {
    const brokenGift = await tx.gift.findUniqueOrThrow({ where: { id: broken.giftId } });
    const totals = { total: broken.total, coins: Number(broken.coins) };
    drafts.unshift(streakEnded(streamId, { sender, gift: shown(brokenGift), ...totals }));
  }
  const { lastSeq } = await tx.liveLog.update({
    where: { streamId },
    data: { lastSeq: { increment: BigInt(drafts.length) } },
  });
  const first = lastSeq - BigInt(drafts.length) + 1n;
  await tx.liveEvent.createMany({
    data: drafts.map(({ type, payload }, index) => {
      return { streamId, seq: first + BigInt(index), type, payload, occurredAt: at };
    }),
  });
  return lastSeq;
}

/** Records the gift, and moves coins and diamonds. Diamonds are rounded on the stream's total, as ours are. */
async function payCreator(sending: Sending, seq: bigint, streak: number): Promise<void> {
  const { tx, order, coins, at } = sending;
  const stream = await tx.stream.update({ where: { id: order.streamId }, data: { giftCoins: { increment: coins } } });
  const diamondsAt = (total: bigint): bigint => (total * BigInt(stream.rateDiamonds)) / BigInt(stream.rateCoins);
  const diamonds = diamondsAt(stream.giftCoins) - diamondsAt(stream.giftCoins - coins);
  const { id: causeId } = await tx.giftSent.create({ data: { ...order, coins, diamonds, seq, createdAt: at, streak } });
  const { viewerId, idempotencyKey } = order;
  await tx.giftKey.create({ data: { viewerId, idempotencyKey, giftSentId: causeId } });
  const add = (id: bigint, amount: bigint): Promise<LedgerAccount> =>
    tx.ledgerAccount.update({ where: { id }, data: { balance: { increment: amount }, version: { increment: 1n } } });
  const gifts = await add(stream.giftsAccountId, coins);
  await link(sending, { debit: sending.wallet, credit: gifts, amount: coins, kind: 'GIFT_SPENT', causeId });
  if (diamonds === 0n) return;
  const issuance = await add(stream.issuanceAccountId, -diamonds);
  const pending = await add(stream.pendingAccountId, diamonds);
  await link(sending, { debit: issuance, credit: pending, amount: diamonds, kind: 'GIFT_EARNED', causeId });
}

type Move = { debit: LedgerAccount; credit: LedgerAccount; amount: bigint; kind: string; causeId: bigint };

/** Writes a transfer behind the last ones of its accounts, whose rows are locked: the chain of migration `trust`. */
async function link({ tx, at }: Sending, { debit, credit, amount, kind, causeId }: Move): Promise<void> {
  const { unit } = debit;
  const { id } = await tx.transfer.create({
    data: {
      debitAccountId: debit.id,
      creditAccountId: credit.id,
      unit,
      amount,
      kind,
      causeId,
      createdAt: at,
      debitPrev: debit.lastTransferId,
      creditPrev: credit.lastTransferId,
      debitHash: debit.lastHash,
      creditHash: credit.lastHash,
    },
  });
  const body = [id, debit.id, credit.id, unit, amount, kind, causeId, '', at.getTime(), ''].join('|');
  const lastHash = createHash('sha256').update(body);
  for (const hash of [debit.lastHash, credit.lastHash]) if (hash) lastHash.update(hash);
  await tx.ledgerAccount.updateMany({
    where: { id: { in: [debit.id, credit.id] } },
    data: { lastTransferId: id, lastHash: Uint8Array.from(lastHash.digest()), transfers: { increment: 1n } },
  });
}
