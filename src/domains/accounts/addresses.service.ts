import type { Database } from '../../db/database.ts';
import { callOnce } from '../../db/idempotent.ts';
import { createLookUp } from '../../db/look-up.ts';
import { InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import { hashInput } from '../../kernel/idempotency.ts';
import type { Actor } from './accounts.api.ts';
import {
  type AddressDraft,
  type AddressRow,
  findAddresses,
  findAddressesOf,
  insertAddress,
  lockAddressBook,
  markRemoved,
} from './addresses.repo.ts';

/** Addresses that one viewer may have at a time. */
export const ADDRESSES_MAX = 50;

/** Where viewers want parcels to go. Nobody but their owner sees them. */
export class Addresses {
  /** An address by id, removed or not; null when there is none. */
  readonly find: (id: bigint) => Promise<AddressRow | null>;

  constructor(private readonly db: Database) {
    this.find = createLookUp(
      (ids) => findAddresses(db.pool, ids),
      ({ id }) => id,
    );
  }

  /** The addresses of a viewer, oldest first. */
  of(viewerId: bigint): Promise<AddressRow[]> {
    return findAddressesOf(this.db.pool, viewerId);
  }

  /** An address that somebody may look at: their own. */
  async visible(viewer: { id: bigint } | undefined, id: bigint): Promise<AddressRow | null> {
    if (!viewer) return null;
    const address = await this.find(id);
    return address?.viewerId === viewer.id ? address : null;
  }

  /**
   * Adds an address, once per key.
   * @returns the address's id
   * @throws {InvalidInputError} there are too many
   * @throws {IdempotencyConflictError} the key stands for another address
   */
  async add(
    actor: Pick<Actor, 'id'>,
    address: AddressDraft,
    idempotencyKey: string,
  ): Promise<{ addressId: bigint; replayed: boolean }> {
    const call = { actorId: actor.id, key: idempotencyKey, operation: 'addAddress', inputHash: hashInput(address) };
    const { result, replayed } = await callOnce(this.db, call, async (sql) => {
      if ((await lockAddressBook(sql, actor.id)) >= ADDRESSES_MAX) {
        const message = `You have ${ADDRESSES_MAX} addresses already: remove one first.`;
        throw new InvalidInputError([{ path: 'input', message }]);
      }
      return { addressId: String(await insertAddress(sql, actor.id, address)) };
    });
    return { addressId: BigInt(result.addressId), replayed };
  }

  /**
   * Removes an address from what can be chosen. Again changes nothing.
   * @throws {NotFoundError} no such address, or somebody else's
   */
  async remove(actor: Actor, id: bigint): Promise<{ replayed: boolean }> {
    const removed = await markRemoved(this.db.pool, actor.id, id);
    if (!removed) throw new NotFoundError('address');
    return removed;
  }
}
