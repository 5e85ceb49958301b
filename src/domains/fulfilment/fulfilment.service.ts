import type { Database, SqlTransaction } from '../../db/database.ts';
import type { OrderNews } from '../orders/orders.api.ts';
import type { FulfilmentHooks, FulfilmentState, LineToFulfil } from './fulfilment.api.ts';
import {
  cancelOpen,
  cancelVouchersOf,
  deliverLines,
  insertShipments,
  insertVouchers,
  readProgress,
  takeVoucherIds,
} from './fulfilment.repo.ts';
import { deriveState } from './fulfilment.state.ts';
import { Shipments } from './shipments.ts';
import { VoucherCodes } from './voucher-codes.ts';
import { Vouchers } from './vouchers.ts';

/** What becomes of a paid order: parcels, couriers, vouchers, downloads. */
export class Fulfilment implements FulfilmentHooks {
  readonly shipments: Shipments;
  readonly vouchers: Vouchers;
  readonly #codes: VoucherCodes;

  /** @param deps.voucherSecret what voucher codes follow from; another one makes the old codes unreadable for their buyers */
  constructor(deps: { db: Database; news: OrderNews; voucherSecret: string }) {
    this.#codes = new VoucherCodes(deps.voucherSecret);
    this.shipments = new Shipments(deps);
    this.vouchers = new Vouchers({ ...deps, codes: this.#codes });
  }

  async begin(sql: SqlTransaction, lines: readonly LineToFulfil[]): Promise<bigint[]> {
    const sent = lines.filter(({ kind }) => kind === 'PHYSICAL' || kind === 'FOOD');
    const services = lines.filter(({ kind }) => kind === 'SERVICE');
    const downloads = lines.filter(({ kind }) => kind === 'DIGITAL');
    if (sent.length > 0) await insertShipments(sql, sent);
    if (services.length > 0) await this.#issueVouchers(sql, services);
    if (downloads.length === 0) return [];
    await deliverLines(
      sql,
      downloads.map(({ id }) => id),
    );
    const unfinished = new Set([...sent, ...services].map(({ orderId }) => orderId));
    return [...new Set(downloads.map(({ orderId }) => orderId))].filter((orderId) => !unfinished.has(orderId));
  }

  stop(sql: SqlTransaction, orderId: bigint): Promise<boolean> {
    return cancelOpen(sql, orderId);
  }

  cancelVouchers(sql: SqlTransaction, lineId: bigint, quantity: number): Promise<boolean> {
    return cancelVouchersOf(sql, lineId, quantity);
  }

  async progress(sql: SqlTransaction, orderId: bigint): Promise<FulfilmentState> {
    return deriveState(await readProgress(sql, orderId));
  }

  /** One voucher for each unit. */
  async #issueVouchers(sql: SqlTransaction, lines: readonly LineToFulfil[]): Promise<void> {
    const lineIds = lines.flatMap(({ id, quantity }) => Array<bigint>(quantity).fill(id));
    const ids = await takeVoucherIds(sql, lineIds.length);
    await insertVouchers(
      sql,
      ids.map((id, index) => ({ id, lineId: lineIds[index]!, codeHash: this.#codes.hashOf(id) })),
    );
  }
}
