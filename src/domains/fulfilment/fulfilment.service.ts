import type { Logger } from 'pino';
import type { Database, SqlTransaction } from '../../db/database.ts';
import type { OrderNews } from '../orders/orders.api.ts';
import type { FulfilmentHooks, FulfilmentState, LineToFulfil } from './fulfilment.api.ts';
import {
  cancelEmpty,
  cancelOpen,
  cancelVouchersOf,
  deliverLines,
  insertShipments,
  insertVouchers,
  readProgress,
  takeVoucherIds,
} from './fulfilment.repo.ts';
import { deriveState } from './fulfilment.state.ts';
import type { FulfilmentPartner } from './partners/partner.ts';
import { Partners } from './partners/partners.ts';
import type { SandboxPartnerOptions } from './partners/sandbox-partner.ts';
import { Shipments } from './shipments.ts';
import { VoucherCodes } from './voucher-codes.ts';
import { Vouchers } from './vouchers.ts';

/** Intervals that tests override. */
export type FulfilmentOptions = { partnerSweepIntervalMs?: number; sandbox?: SandboxPartnerOptions };

type Deps = {
  db: Database;
  news: OrderNews;
  log: Logger;
  /** What voucher codes follow from; under another one the old codes cannot be read again, but still hold. */
  voucherSecret: string;
  /** Who moves the shipments of retail partners that do not tell by themselves; undefined: nobody. */
  partner: FulfilmentPartner | undefined;
};

/** What becomes of a paid order: parcels, couriers, vouchers, downloads. */
export class Fulfilment implements FulfilmentHooks {
  readonly shipments: Shipments;
  readonly vouchers: Vouchers;
  readonly partners: Partners;
  readonly #codes: VoucherCodes;

  constructor(deps: Deps, options: FulfilmentOptions = {}) {
    this.#codes = new VoucherCodes(deps.voucherSecret);
    this.shipments = new Shipments(deps);
    this.vouchers = new Vouchers({ ...deps, codes: this.#codes });
    this.partners = new Partners(deps, options.partnerSweepIntervalMs);
  }

  /** Starts asking partners what is new. */
  start(): void {
    this.partners.start();
  }

  close(): Promise<void> {
    return this.partners.close();
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

  async abandon(sql: SqlTransaction, orderId: bigint): Promise<void> {
    await cancelOpen(sql, orderId, { force: true });
  }

  cancelVouchers(sql: SqlTransaction, lineId: bigint, quantity: number): Promise<boolean> {
    return cancelVouchersOf(sql, lineId, quantity);
  }

  async progress(sql: SqlTransaction, orderId: bigint): Promise<FulfilmentState> {
    await cancelEmpty(sql, orderId);
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
