import type { Logger } from 'pino';
import type { Database, SqlTransaction } from '../../db/database.ts';
import { every, FAILED, type Periodic } from '../../kernel/every.ts';
import { least } from '../../kernel/money.ts';
import type { Live } from '../../live/live.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { appendEvents } from '../../live/live-log.ts';
import { findStandingGifts, lockForReversal, type ReversibleGift, reverseGifts } from '../gifts/gifts.api.ts';
import { accountNames, type Transfer, type WalletState, type Wallets } from '../wallet/wallet.api.ts';
import {
  type CoinDisputeRow,
  findCoinDispute,
  findReversing,
  insertCoinDispute,
  listCoinDisputes,
  moveCoinDispute,
  noteStep,
} from './coin-disputes.repo.ts';
import { COIN_DISPUTE_TRANSITIONS, type CoinDisputeState } from './coin-disputes.state.ts';
import type { ProviderDispute } from './payments.api.ts';
import { type CoinPurchaseRow, lockPurchase, noteTransfers } from './payments.repo.ts';

/** How often reversals that a crash, or their size, has left unfinished are looked for. */
export const DISPUTE_SWEEP_INTERVAL_MS = 5_000;
/** Gifts that one SQL transaction takes back: their streams wait for it. */
export const GIFTS_PER_STEP_MAX = 200;
/** SQL transactions that one call or sweep spends on a dispute; the next sweep goes on. */
const STEPS_PER_RUN_MAX = 100;
/** Disputes that a sweep reads at once. */
const DISPUTES_PER_READ_MAX = 100;

/** Limits and intervals that tests override. */
export type CoinDisputesOptions = { sweepIntervalMs?: number; giftsPerStepMax?: number };

/** What a bank's word has done: `unsettled` asks to settle the purchase first, and to say it again. */
export type Heard = { dispute: CoinDisputeRow; isNews: boolean } | 'unsettled' | 'unknown';

type Deps = { db: Database; live: Live; wallets: Wallets; log: Logger };
type Accounts = Record<'wallet' | 'debt' | 'issuance' | 'clearing' | 'sales', bigint>;

/**
 * Coin purchases that a bank contests. The coins are taken back at once, as the bank has taken the money: what is unspent leaves
 * the wallet, then the viewer's gifts are taken back, newest first and whole, until the purchase is covered; what even they do not
 * cover is owed. Each step is one SQL transaction that leaves the books balanced; how far it got stands in the dispute's row, so
 * any server goes on where one died. Whoever holds the row of the purchase does the next step.
 */
export class CoinDisputes {
  #sweeping: Periodic | undefined;
  #closing = false;

  constructor(
    private readonly deps: Deps,
    private readonly options: CoinDisputesOptions = {},
  ) {}

  /** Starts finishing reversals that a crash, or their size, has left unfinished. */
  start(): void {
    this.#sweeping = every(
      this.options.sweepIntervalMs ?? DISPUTE_SWEEP_INTERVAL_MS,
      () => this.#sweep(),
      this.deps.db.instruments.meters.sweeps.of('coin-disputes'),
    );
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#sweeping?.stop();
  }

  /** What a bank says of a purchase. May be told again, in any order and late: each change happens once. */
  async hear(purchaseId: bigint, told: ProviderDispute): Promise<Heard> {
    const { db, wallets } = this.deps;
    const { heard, wallet } = await db.inTransaction(async (sql) => {
      const purchase = await lockPurchase(sql, purchaseId);
      if (purchase?.state === 'PENDING') return { heard: 'unsettled' as const, wallet: undefined };
      if (purchase?.state !== 'SUCCEEDED') return { heard: 'unknown' as const, wallet: undefined };
      return this.#note(sql, purchase, told);
    });
    if (wallet) wallets.announce([wallet]);
    if (typeof heard === 'string' || heard.dispute.state !== 'REVERSING') return heard;
    return { ...heard, dispute: (await this.#run(heard.dispute.id)) ?? heard.dispute };
  }

  /** Writes down where a dispute stands; of a won one, gives back what was taken. */
  async #note(
    sql: SqlTransaction,
    purchase: CoinPurchaseRow,
    told: ProviderDispute,
  ): Promise<{ heard: Heard; wallet: WalletState | undefined }> {
    const { providerId, reason } = told;
    const to = stateOf(told);
    const isDecided = told.state !== 'OPEN';
    const disputes = await listCoinDisputes(sql, [purchase.id]);
    const known = disputes.find((dispute) => dispute.providerId === providerId);
    if (!known) {
      const standing = disputes.find(({ state }) => state !== 'WON');
      if (standing) {
        // The coins are taken once, whoever asks. Should the first be won and the second lost, somebody has to look.
        const ids = { purchaseId: purchase.id.toString(), standing: standing.providerId, providerId };
        this.deps.log.warn(
          ids,
          'a coin purchase is contested again while a dispute of it stands: nothing more is taken',
        );
        return { heard: { dispute: standing, isNews: false }, wallet: undefined };
      }
      const dispute = await insertCoinDispute(sql, { purchase, providerId, reason, state: to, isDecided });
      return { heard: { dispute, isNews: true }, wallet: undefined };
    }
    const moves = COIN_DISPUTE_TRANSITIONS[known.state].includes(to);
    const isVerdict = told.state === 'LOST' && known.state !== 'WON' && known.decidedAt === null;
    if (!moves && !isVerdict) return { heard: { dispute: known, isNews: false }, wallet: undefined };
    await moveCoinDispute(sql, known.id, { state: moves ? to : known.state, isDecided });
    const wallet = to === 'WON' && known.state !== 'OPEN' ? await this.#giveBack(sql, purchase, known) : undefined;
    const dispute = (await findCoinDispute(sql, known.id))!;
    return { heard: { dispute, isNews: true }, wallet };
  }

  /** Takes steps until nothing is left, or for as long as a run may take. Returns the dispute as it is then. */
  async #run(disputeId: bigint): Promise<CoinDisputeRow | undefined> {
    let dispute: CoinDisputeRow | undefined;
    for (let step = 0; step < STEPS_PER_RUN_MAX && !this.#closing; step++) {
      dispute = await this.#step(disputeId);
      if (dispute?.state !== 'REVERSING') break;
    }
    return dispute;
  }

  async #step(disputeId: bigint): Promise<CoinDisputeRow | undefined> {
    const { db, live, wallets } = this.deps;
    const { dispute, events, wallet } = await db.inTransaction(async (sql) => {
      const found = await findCoinDispute(sql, disputeId);
      const purchase = found && (await lockPurchase(sql, found.purchaseId));
      const dispute = purchase && (await findCoinDispute(sql, disputeId));
      if (dispute?.state !== 'REVERSING') return { dispute, events: [], wallet: undefined };
      return this.#take(sql, purchase!, dispute);
    });
    live.announce(events);
    if (wallet) wallets.announce([wallet]);
    return dispute;
  }

  /** One step: the coins that are in the wallet, then so many gifts; when no gift is left, the rest is owed. */
  async #take(
    sql: SqlTransaction,
    purchase: CoinPurchaseRow,
    dispute: CoinDisputeRow,
  ): Promise<{ dispute: CoinDisputeRow; events: LiveEvent[]; wallet: WalletState }> {
    const { wallets } = this.deps;
    const { viewerId } = purchase;
    const accounts = await accountsOf(sql, wallets, purchase);
    // Looked for before the locks, because they say what is to be locked; chosen behind them, because gifts go on.
    const before = await this.#choose(sql, viewerId, dispute.coinsLeft - (await balanceOf(sql, wallets, accounts)));
    const ids = before.gifts.map(({ id }) => id);
    const locked = new Map<bigint, ReversibleGift>();
    for (const gift of await lockForReversal(sql, wallets, ids, Object.values(accounts))) locked.set(gift.id, gift);

    const unspent = least(dispute.coinsLeft, await balanceOf(sql, wallets, accounts));
    const wanted = dispute.coinsLeft - unspent;
    const { gifts: newest, areAll } = await this.#choose(sql, viewerId, wanted);
    // A gift that came between the look and the locks waits for the next step: with it all that are older.
    const unlocked = newest.findIndex(({ id }) => !locked.has(id));
    const chosen = unlocked < 0 ? newest : newest.slice(0, unlocked);
    const { reversed, drafts } = await reverseGifts(
      sql,
      wallets,
      chosen.map(({ id }) => locked.get(id)!),
      'CHARGEBACK',
      dispute.id,
    );
    const gifted = least(wanted, sumOf(reversed));
    const owed = areAll && unlocked < 0 ? wanted - gifted : 0n;
    const posted = await this.#post(sql, purchase, dispute, { accounts, taken: unspent + gifted, owed });
    return {
      dispute: await noteStep(sql, dispute.id, { unspent, gifted, owed, gifts: reversed.length, ...posted }),
      events: await appendEvents(sql, drafts),
      wallet: await wallets.read(sql, viewerId),
    };
  }

  /** The newest gifts that cover so many coins, and whether there are no others, as far as a step looks. */
  async #choose(sql: SqlTransaction, viewerId: bigint, coins: bigint) {
    if (coins <= 0n) return { gifts: [], areAll: false };
    const limit = this.options.giftsPerStepMax ?? GIFTS_PER_STEP_MAX;
    const newest = await findStandingGifts(sql, viewerId, limit);
    const gifts: typeof newest = [];
    for (let covered = 0n; covered < coins && gifts.length < newest.length; ) {
      const gift = newest[gifts.length]!;
      gifts.push(gift);
      covered += gift.coins;
    }
    return { gifts, areAll: newest.length < limit };
  }

  /** Writes what a step takes out of the wallet and into the debt, and with the first step the money. */
  async #post(
    sql: SqlTransaction,
    { id: causeId, currency, priceMinor, coinTransferId, saleTransferId }: CoinPurchaseRow,
    dispute: CoinDisputeRow,
    { accounts, taken, owed }: { accounts: Accounts; taken: bigint; owed: bigint },
  ): Promise<{ coinTransferId: bigint | undefined; saleTransferId: bigint | undefined }> {
    const { wallets } = this.deps;
    const { wallet, debt, issuance, sales, clearing } = accounts;
    const isFirst = dispute.saleTransferId === null;
    const transfers: Transfer[] = [
      { debit: wallet, credit: issuance, unit: 'COIN', amount: taken, kind: 'COINS_CHARGED_BACK' as const, causeId },
      { debit: debt, credit: issuance, unit: 'COIN', amount: owed, kind: 'COINS_CHARGED_BACK' as const, causeId },
    ].filter(({ amount }) => amount > 0n);
    // A transfer is reversed once: the first of those that take coins says so, for all of them.
    if (transfers[0] && dispute.coinTransferId === null && coinTransferId !== null) {
      transfers[0] = { ...transfers[0], reverses: coinTransferId };
    }
    if (isFirst) {
      const money = { debit: sales, credit: clearing, unit: currency, amount: priceMinor, causeId };
      const kind = 'COIN_SALE_CHARGED_BACK' as const;
      transfers.push(saleTransferId === null ? { ...money, kind } : { ...money, kind, reverses: saleTransferId });
    }
    if (transfers.length === 0) return { coinTransferId: undefined, saleTransferId: undefined };
    await wallets.post(sql, transfers);
    const last = await wallets.lastTransfers(sql, [wallet, debt, sales]);
    return {
      coinTransferId: taken > 0n ? last.get(wallet) : owed > 0n ? last.get(debt) : undefined,
      saleTransferId: isFirst ? last.get(sales) : undefined,
    };
  }

  /**
   * Gives back what a dispute has taken: the bank has decided for us. The coins are issued anew, and pay debts first; gifts that
   * were taken back stay so. From now on these are the transfers that a dispute of the purchase would reverse.
   */
  async #giveBack(sql: SqlTransaction, purchase: CoinPurchaseRow, dispute: CoinDisputeRow) {
    const { wallets } = this.deps;
    const { id: causeId, viewerId, currency, priceMinor: amount } = purchase;
    const taken = dispute.coinsUnspent + dispute.coinsGifted + dispute.coinsOwed;
    const { wallet, issuance, sales, clearing } = await accountsOf(sql, wallets, purchase);
    const transfers: Transfer[] = [];
    if (taken > 0n) {
      const coins = { debit: issuance, credit: wallet, unit: 'COIN', amount: taken, causeId };
      transfers.push({ ...coins, kind: 'COINS_RETURNED', ...reversesOf(dispute.coinTransferId) });
    }
    if (dispute.saleTransferId !== null) {
      const money = { debit: clearing, credit: sales, unit: currency, amount, causeId };
      transfers.push({ ...money, kind: 'COIN_SALE_RETURNED', ...reversesOf(dispute.saleTransferId) });
    }
    if (transfers.length === 0) return undefined;
    await wallets.post(sql, transfers);
    const last = await wallets.lastTransfers(sql, [wallet, sales]);
    await noteTransfers(sql, causeId, {
      coinTransferId: taken > 0n ? last.get(wallet) : (purchase.coinTransferId ?? undefined),
      saleTransferId: last.get(sales),
    });
    await wallets.payDebts(sql, [viewerId]);
    return wallets.read(sql, viewerId);
  }

  /** One that fails does not keep the others waiting. */
  async #sweep(): Promise<unknown> {
    const { db, log } = this.deps;
    try {
      for (let afterId = 0n; ; ) {
        const ids = await findReversing(db.pool, afterId, DISPUTES_PER_READ_MAX);
        for (const id of ids) {
          await this.#run(id).catch((error: unknown) => {
            log.error({ err: error, disputeId: id.toString() }, 'a reversal failed; the next sweep tries again');
          });
        }
        if (ids.length < DISPUTES_PER_READ_MAX || this.#closing) return;
        afterId = ids.at(-1)!;
      }
    } catch (error) {
      log.warn({ err: error }, 'finding unfinished reversals failed; the next sweep tries again');
      return FAILED;
    }
  }
}

/** Where what a bank says leads: an inquiry takes nothing, a dispute takes the coins before it is decided. */
function stateOf({ state, isInquiry }: ProviderDispute): CoinDisputeState {
  if (state === 'WON') return 'WON';
  return state === 'OPEN' && isInquiry ? 'OPEN' : 'REVERSING';
}

function reversesOf(transferId: bigint | null): { reverses?: bigint } {
  return transferId === null ? {} : { reverses: transferId };
}

function sumOf(gifts: readonly { coins: bigint }[]): bigint {
  return gifts.reduce((sum, { coins }) => sum + coins, 0n);
}

async function balanceOf(sql: SqlTransaction, wallets: Wallets, { wallet }: Accounts): Promise<bigint> {
  return (await wallets.balances(sql, [wallet])).get(wallet)!;
}

async function accountsOf(
  sql: SqlTransaction,
  wallets: Wallets,
  { viewerId, currency }: CoinPurchaseRow,
): Promise<Accounts> {
  const [wallet, debt, issuance, clearing, sales] = await wallets.accounts(sql, [
    accountNames.wallet(viewerId),
    accountNames.coinDebt(viewerId),
    accountNames.coinIssuance(),
    accountNames.clearing(currency),
    accountNames.sales(currency),
  ]);
  return { wallet: wallet!, debt: debt!, issuance: issuance!, clearing: clearing!, sales: sales! };
}
