import { DomainError } from '../kernel/errors.ts';

/** Thrown when a cursor is damaged, belongs to another log, or lies ahead of the log. */
export class InvalidCursorError extends DomainError {
  readonly code = 'INVALID_CURSOR';
  constructor() {
    super('This cursor does not belong to this stream. Start again without it.');
  }
}

/** The opaque position behind an event: `base64url(epoch ":" seq)`. */
export function encodeCursor(epoch: string, seq: bigint): string {
  return Buffer.from(`${epoch}:${seq}`).toString('base64url');
}

/**
 * @param epoch the log's own epoch
 * @returns the seq of the event that the cursor stands behind; 0 for the empty cursor, the log's beginning
 * @throws {InvalidCursorError} when the cursor is not one of this log
 */
export function decodeCursor(epoch: string, cursor: string): bigint {
  if (cursor === '') return 0n;
  const [, ofEpoch, seq] = /^([0-9a-f]{8}):(0|[1-9]\d{0,15})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (ofEpoch !== epoch || seq === undefined) throw new InvalidCursorError();
  return BigInt(seq);
}
