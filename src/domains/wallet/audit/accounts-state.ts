const HASH_BYTES = 32;
const ACCOUNTS_AT_FIRST = 1_024;
const scratch = Buffer.alloc(HASH_BYTES);

/**
 * What an audit knows of each account, in arrays: some hundred bytes an account, and nothing for a transfer. That is what bounds the
 * memory of an audit.
 */
export class AccountsState {
  readonly #places = new Map<number, number>();
  readonly #units: string[] = [];
  #unit = new Uint16Array(ACCOUNTS_AT_FIRST);
  #balance = new Float64Array(ACCOUNTS_AT_FIRST);
  #transfers = new Float64Array(ACCOUNTS_AT_FIRST);
  #last = new Float64Array(ACCOUNTS_AT_FIRST);
  #hash = Buffer.alloc(ACCOUNTS_AT_FIRST * HASH_BYTES);

  /** How many there are. */
  get size(): number {
    return this.#places.size;
  }

  /** Adds an account that has no transfers yet. */
  open(id: number, unit: string): number {
    const place = this.#places.size;
    if (place === this.#unit.length) this.#grow();
    let code = this.#units.indexOf(unit);
    if (code === -1) code = this.#units.push(unit) - 1;
    this.#unit[place] = code;
    this.#places.set(id, place);
    return place;
  }

  /** Where an account stands in the arrays; undefined when there is none. */
  placeOf(id: number): number | undefined {
    return this.#places.get(id);
  }

  unitOf(place: number): string {
    return this.#units[this.#unit[place]!]!;
  }

  balanceOf(place: number): number {
    return this.#balance[place]!;
  }

  transfersOf(place: number): number {
    return this.#transfers[place]!;
  }

  /** The account's newest transfer so far; null before its first. */
  lastOf(place: number): number | null {
    return this.#last[place]! || null;
  }

  /** The hash of that, in hexadecimal digits. */
  hashOf(place: number): string | null {
    return this.#last[place] === 0 ? null : this.#hash.toString('hex', place * HASH_BYTES, (place + 1) * HASH_BYTES);
  }

  /** Whether the hash of the newest transfer is this one. */
  hasHash(place: number, hash: string | null): boolean {
    if (hash === null || this.#last[place] === 0) return hash === this.hashOf(place);
    // As bytes: to make the digits of each hash would take longer than the hash itself.
    const bytes = scratch.write(hash, 'hex');
    return (
      bytes === HASH_BYTES &&
      this.#hash.compare(scratch, 0, HASH_BYTES, place * HASH_BYTES, (place + 1) * HASH_BYTES) === 0
    );
  }

  /** A transfer moves an amount into the account, or out of it. */
  move(place: number, amount: number, transferId: number, hash: Buffer): void {
    this.#balance[place] = this.#balance[place]! + amount;
    this.#transfers[place] = this.#transfers[place]! + 1;
    this.#last[place] = transferId;
    hash.copy(this.#hash, place * HASH_BYTES);
  }

  #grow(): void {
    const length = this.#unit.length * 2;
    const enlarge = <T extends Uint16Array | Float64Array>(old: T, larger: T): T => {
      larger.set(old);
      return larger;
    };
    this.#unit = enlarge(this.#unit, new Uint16Array(length));
    this.#balance = enlarge(this.#balance, new Float64Array(length));
    this.#transfers = enlarge(this.#transfers, new Float64Array(length));
    this.#last = enlarge(this.#last, new Float64Array(length));
    const hash = Buffer.alloc(length * HASH_BYTES);
    this.#hash.copy(hash);
    this.#hash = hash;
  }
}
