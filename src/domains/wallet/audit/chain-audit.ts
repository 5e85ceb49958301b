import { createHash } from 'node:crypto';
import { AccountsState } from './accounts-state.ts';
import type { StoredAccount, StoredTransfer } from './audit.repo.ts';
import { transferHash } from './transfer-hash.ts';

/** Something that does not agree. */
export type Difference = {
  /** The transfer at which it shows. */
  transferId: number | undefined;
  accountId: number | undefined;
  /** In a sentence. */
  problem: string;
};

/** Where an account's chain stood at some time: so many transfers, and the hash of the last of them. */
export type Head = { accountId: number; transfers: number; hash: string };

/** A head as a line of a file. */
export function toHeadLine({ accountId, transfers, hash }: Head): string {
  return `${accountId},${transfers},${hash}\n`;
}

/** The head of a line; undefined when it is none. */
export function fromHeadLine(line: string): Head | undefined {
  const [, accountId, transfers, hash] = /^(\d{1,16}),(\d{1,16}),([0-9a-f]{64})$/.exec(line) ?? [];
  return hash === undefined ? undefined : { accountId: Number(accountId), transfers: Number(transfers), hash };
}

/** What an audit has seen. */
export type AuditResult = {
  accounts: number;
  transfers: number;
  differences: number;
  /** SHA-256 over the lines of all heads: one number for the whole ledger, to be kept where nobody of the database can change it. */
  digest: string;
};

/** Kinds of account that may be below zero, and the one that may not be above it. */
const MAY_OWE = new Set(['ISSUANCE', 'CLEARING', 'DEBT']);

/**
 * Follows the chains of all accounts through the transfers, in the order of their ids, and compares what comes out with what is stored.
 *
 * A transfer that was changed has another hash than the transfers behind it, or their accounts, say; one that was taken out or put in
 * shows in what they name as the one before them. Each damage is named where it is, and not again in all that follows.
 */
export class ChainAudit {
  readonly #state = new AccountsState();
  readonly #totals = new Map<string, number>();
  readonly #digest = createHash('sha256');
  readonly #earlier: ReadonlyMap<number, Head>;
  #differences = 0;
  #transfers = 0;
  #lastId = 0;

  /**
   * @param report hears of each difference
   * @param earlier where chains stood when somebody wrote it down: they must have gone through there
   */
  constructor(
    private readonly report: (difference: Difference) => void,
    earlier: ReadonlyMap<number, Head> = new Map(),
  ) {
    this.#earlier = earlier;
  }

  /** An account, before any transfer. */
  open({ id, unit }: Pick<StoredAccount, 'id' | 'unit'>): void {
    this.#state.open(id, unit);
  }

  /** The next transfer by id. */
  add(transfer: StoredTransfer): void {
    const { id, debit, credit, amount } = transfer;
    this.#transfers++;
    if (id <= this.#lastId) this.#differ(id, undefined, `comes behind transfer ${this.#lastId}`);
    this.#lastId = id;
    if (!(Number.isSafeInteger(amount) && amount > 0)) this.#differ(id, undefined, `moves ${amount}`);
    if (debit === credit) this.#differ(id, debit, 'debits and credits the same account');
    if (transfer.reverses !== null && transfer.reverses >= id) {
      this.#differ(id, undefined, `takes back transfer ${transfer.reverses}, which is no earlier one`);
    }
    const from = this.#follow(transfer, debit, transfer.debitPrev, transfer.debitHash);
    const to = this.#follow(transfer, credit, transfer.creditPrev, transfer.creditHash);
    const hash = transferHash(transfer);
    this.#state.move(from, -amount, id, hash);
    this.#state.move(to, amount, id, hash);
    this.#passThrough(debit, from, id);
    this.#passThrough(credit, to, id);
  }

  /**
   * An account as it is stored, behind all transfers, in the order of their ids.
   * @returns where its chain stands, if it has one
   */
  compare(account: StoredAccount): Head | undefined {
    const { id, balance, kind, owner } = account;
    const place = this.#state.placeOf(id)!;
    const computed = this.#state.balanceOf(place);
    const last = this.#state.lastOf(place);
    const differ = (problem: string) => this.#differ(undefined, id, `(${owner}) ${problem}`);
    if (balance !== computed) differ(`has a balance of ${balance}; its transfers make ${computed}`);
    if (!Number.isSafeInteger(computed)) differ('has had more than any account can');
    if (balance < 0 && !MAY_OWE.has(kind)) differ(`has a balance of ${balance}, which no account of its kind may have`);
    if (balance > 0 && kind === 'DEBT') differ(`is a debt, and has ${balance}`);
    if (account.transfers !== this.#state.transfersOf(place)) {
      differ(`counts ${account.transfers} transfers; there are ${this.#state.transfersOf(place)}`);
    }
    if (account.lastTransferId !== last) differ(`ends with transfer ${account.lastTransferId}; its newest is ${last}`);
    else if (!this.#state.hasHash(place, account.lastHash)) {
      this.#differ(last ?? undefined, id, `(${owner}) does not have the hash that the account knows: it was changed`);
    }
    this.#totals.set(account.unit, (this.#totals.get(account.unit) ?? 0) + balance);
    const hash = this.#state.hashOf(place);
    if (hash === null) return undefined;
    const head = { accountId: id, transfers: this.#state.transfersOf(place), hash };
    this.#digest.update(toHeadLine(head));
    return head;
  }

  /** Behind all accounts. */
  finish(): AuditResult {
    for (const [unit, total] of this.#totals) {
      if (total !== 0) this.#differ(undefined, undefined, `all balances in ${unit} make ${total} together, not 0`);
    }
    for (const { accountId, transfers } of this.#earlier.values()) {
      const place = this.#state.placeOf(accountId);
      const now = place === undefined ? 0 : this.#state.transfersOf(place);
      if (now < transfers) this.#differ(undefined, accountId, `had ${transfers} transfers once; it has ${now}`);
    }
    return {
      accounts: this.#state.size,
      transfers: this.#transfers,
      differences: this.#differences,
      digest: this.#digest.digest('hex'),
    };
  }

  /** Looks whether a transfer goes on where its account was. */
  #follow({ id, unit }: StoredTransfer, accountId: number, previous: number | null, hash: string | null): number {
    let place = this.#state.placeOf(accountId);
    if (place === undefined) {
      this.#differ(id, accountId, 'moves an account that is not there');
      place = this.#state.open(accountId, unit);
    }
    if (this.#state.unitOf(place) !== unit) {
      this.#differ(id, accountId, `moves ${unit} in an account of ${this.#state.unitOf(place)}`);
    }
    const last = this.#state.lastOf(place);
    if (previous !== last) {
      this.#differ(id, accountId, `follows ${name(previous)} there; the one before it is ${name(last)}`);
    } else if (!this.#state.hasHash(place, hash)) {
      this.#differ(last ?? undefined, accountId, `does not have the hash that transfer ${id} knows: it was changed`);
    }
    return place;
  }

  /** Looks whether a chain goes through where it once stood. */
  #passThrough(accountId: number, place: number, transferId: number): void {
    const earlier = this.#earlier.get(accountId);
    if (!earlier || earlier.transfers !== this.#state.transfersOf(place)) return;
    if (!this.#state.hasHash(place, earlier.hash)) {
      this.#differ(transferId, accountId, `is transfer ${earlier.transfers} of the account, and once had another hash`);
    }
  }

  #differ(transferId: number | undefined, accountId: number | undefined, problem: string): void {
    this.#differences++;
    this.report({ transferId, accountId, problem });
  }
}

function name(transferId: number | null): string {
  return transferId === null ? 'none' : `transfer ${transferId}`;
}

/** A difference in a line. */
export function describe({ transferId, accountId, problem }: Difference): string {
  const subject = [
    ...(transferId === undefined ? [] : [`transfer ${transferId}`]),
    ...(accountId === undefined ? [] : [`account ${accountId}`]),
  ];
  return [...(subject.length > 0 ? [subject.join(', ')] : []), problem].join(': ');
}
