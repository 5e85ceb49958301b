import { hash } from 'node:crypto';
import type { StoredTransfer } from './audit.repo.ts';

/** Bytes of a body: ten numbers at the most, a unit and a kind; what is longer gets a buffer of its own. */
const BODY_BYTES = 512;
const HASH_BYTES = 32;
const input = Buffer.alloc(BODY_BYTES + 2 * HASH_BYTES);

/**
 * The hash of a transfer, as the SQL function `wallet_move` makes it: SHA-256 over what `transfer_body` says and the hashes of the
 * transfers before it. A second program for the same thing: neither believes the other.
 */
export function transferHash(transfer: StoredTransfer): Buffer {
  const { id, debit, credit, unit, amount, kind, causeId, reverses, at, debitHash, creditHash } = transfer;
  const body = `${id}|${debit}|${credit}|${unit}|${amount}|${kind}|${causeId}|${reverses ?? ''}|${at}|`;
  const bytes = body.length * 3 > BODY_BYTES ? Buffer.alloc(Buffer.byteLength(body) + 2 * HASH_BYTES) : input;
  let length = bytes.write(body);
  if (debitHash !== null) length += bytes.write(debitHash, length, 'hex');
  if (creditHash !== null) length += bytes.write(creditHash, length, 'hex');
  return hash('sha256', bytes.subarray(0, length), 'buffer');
}
