import type { Database, SqlTransaction } from '../../db/database.ts';
import { KEY_TAKEN, readKeys, storeKeys } from '../../db/idempotent.ts';
import { createLists } from '../../db/look-up.ts';
import { brokeConstraint } from '../../db/sql-errors.ts';
import { IdempotencyConflictError, NotFoundError } from '../../kernel/errors.ts';
import { hashInput } from '../../kernel/idempotency.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { isMember, lockOrders, type OrderNews, type OrderRow } from '../orders/orders.api.ts';
import { OrderStateError } from '../orders/orders.errors.ts';
import { VoucherStateError } from './fulfilment.errors.ts';
import { actorOf, advance, isFulfilled } from './steps.ts';
import { hashCode, type VoucherCodes } from './voucher-codes.ts';
import {
  findVoucher,
  findVoucherByHash,
  findVouchersOfOrders,
  unverify,
  type VoucherRow,
  verify,
} from './vouchers.repo.ts';

/** For so long after it was verified a voucher can be made unused again. */
export const VERIFICATION_CANCELLABLE_MINUTES = 60;
const OPERATION = 'verifyVoucher';
/** The second attempt finds what another call has stored under the same key. */
const VERIFY_ATTEMPTS_MAX = 2;

/** What becomes of a voucher. */
export type VoucherChange = { voucher: VoucherRow; order: OrderRow; replayed: boolean };

type Presented = { actor: Actor; key: string; codeHash: string; inputHash: string };

/** Vouchers: the buyer shows a code, the merchant verifies it once. */
export class Vouchers {
  /** The vouchers of an order; those of several that are asked for at once are one statement. */
  readonly of: (orderId: bigint) => Promise<VoucherRow[]>;

  constructor(private readonly deps: { db: Database; news: OrderNews; codes: VoucherCodes }) {
    this.of = createLists(
      (ids) => findVouchersOfOrders(deps.db.pool, ids),
      ({ orderId }) => orderId,
    );
  }

  /** The code of a voucher, for its buyer only; null for others, and when it was issued under another secret. */
  codeFor(actor: Actor | undefined, { id, buyerId, codeHash }: VoucherRow): string | null {
    if (actor?.id !== buyerId) return null;
    const code = this.deps.codes.codeOf(id);
    return hashCode(code) === codeHash ? code : null;
  }

  /**
   * Verifies a voucher by its code, once. The last one delivers its line, and the line perhaps the order.
   * @throws {NotFoundError} when there is no such code, or it is of a service that the caller does not provide
   * @throws {IdempotencyConflictError} when the key stands for another code
   * @throws {VoucherStateError} when it was verified before, or is cancelled
   * @throws {OrderStateError} when its order is not being fulfilled
   */
  async verify(actor: Actor, { code, key }: { code: string; key: string }): Promise<VoucherChange> {
    const codeHash = hashCode(code);
    if (codeHash === undefined) throw new NotFoundError('voucher');
    const presented = { actor, key, codeHash, inputHash: hashInput({ codeHash }) };
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#change((sql) => verifyOnce(sql, presented));
      } catch (error) {
        if (!brokeConstraint(error, KEY_TAKEN) || attempt === VERIFY_ATTEMPTS_MAX) throw error;
      }
    }
  }

  /**
   * Takes a verification back, for a while after it. Takes back at most one: asking again changes nothing.
   * @throws {NotFoundError} when the caller does not provide the service
   * @throws {VoucherStateError} when it is too late, or the voucher is cancelled
   * @throws {OrderStateError} when its order is not being fulfilled
   */
  cancelVerification(actor: Actor, voucherId: bigint): Promise<VoucherChange> {
    return this.#change(async (sql) => {
      const { voucher, order } = await lockFor(sql, actor, await findVoucher(sql, voucherId));
      if (voucher.state === 'ISSUED') return { voucher, order, replayed: true };
      if (voucher.state === 'CANCELLED') throw new VoucherStateError('CANCELLED', 'The voucher is cancelled.');
      if (!isFulfilled(order)) throw new OrderStateError(order.state);
      if (!(await unverify(sql, voucherId, VERIFICATION_CANCELLABLE_MINUTES))) {
        const limit = `${VERIFICATION_CANCELLABLE_MINUTES} minutes`;
        throw new VoucherStateError('VERIFIED', `A verification can be taken back within ${limit}; this one is older.`);
      }
      return {
        voucher: (await findVoucher(sql, voucherId))!,
        order: await advance(sql, order, 'MERCHANT'),
        replayed: false,
      };
    });
  }

  async #change(work: (sql: SqlTransaction) => Promise<VoucherChange>): Promise<VoucherChange> {
    const change = await this.deps.db.inTransaction(work);
    if (!change.replayed) this.deps.news.announce([change.order]);
    return change;
  }
}

async function verifyOnce(sql: SqlTransaction, presented: Presented): Promise<VoucherChange> {
  const { actor, key, codeHash, inputHash } = presented;
  const { voucher, order } = await lockFor(sql, actor, await findVoucherByHash(sql, codeHash));
  const verifyKey = `${actor.id}:${key}`;
  const call = { actorId: actor.id, key };
  const [known] = await readKeys(sql, OPERATION, [call]);
  if (known && known.inputHash !== inputHash) throw new IdempotencyConflictError();
  if (voucher.state === 'VERIFIED' && voucher.verifyKey === verifyKey) return { voucher, order, replayed: true };
  if (voucher.state !== 'ISSUED') throw new VoucherStateError(voucher.state, describe(voucher));
  // A late repetition of the call must not undo that it was taken back.
  if (known) throw new VoucherStateError('ISSUED', 'This verification was taken back. Verify again with a new key.');
  if (!isFulfilled(order)) throw new OrderStateError(order.state);
  await verify(sql, voucher.id, verifyKey);
  await storeKeys(sql, OPERATION, [{ ...call, inputHash, result: { voucherId: String(voucher.id) } }]);
  const moved = await advance(sql, order, actorOf({ byPartner: voucher.merchantId !== voucher.sellerId }));
  return { voucher: (await findVoucher(sql, voucher.id))!, order: moved, replayed: false };
}

/** Locks the order of a voucher, for whoever provides the service, and reads both again. */
async function lockFor(
  sql: SqlTransaction,
  actor: Actor,
  found: VoucherRow | undefined,
): Promise<{ voucher: VoucherRow; order: OrderRow }> {
  if (!found || !(await isMember(sql, found.merchantId, actor.id))) throw new NotFoundError('voucher');
  const [order] = await lockOrders(sql, [found.orderId]);
  return { voucher: (await findVoucher(sql, found.id))!, order: order! };
}

function describe({ state, verifiedAt }: VoucherRow): string {
  return state === 'CANCELLED' ? 'The voucher is cancelled.' : `The voucher was verified ${verifiedAt!.toISOString()}.`;
}
