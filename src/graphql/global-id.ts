import { decodeGlobalID, encodeGlobalID } from '@pothos/plugin-relay';
import { NotFoundError } from '../kernel/errors.ts';

/** The largest id that Postgres holds. */
const ID_MAX = 2n ** 63n - 1n;

/** The global id of a row. */
export function toGlobalId(typename: string, id: bigint | number | string): string {
  return encodeGlobalID(typename, String(id));
}

/**
 * The row id in a global id of the given type.
 * @param what the kind of thing, for the message
 * @throws {NotFoundError} when the text is no id of that type: malformed and missing look the same
 */
export function fromGlobalId(typename: string, globalId: string, what: string): bigint {
  const id = rowId(typename, globalId);
  if (id === undefined) throw new NotFoundError(what);
  return id;
}

/** What `node` is asked for: text that is no global id names a type that there is not, and so finds nothing, as a missing row does. */
export function decodeNodeId(globalId: string): { typename: string; id: string } {
  try {
    return decodeGlobalID(globalId);
  } catch {
    // decodeGlobalID throws for text that is no base64 of "type:id", and would repeat all of it to the client.
    return { typename: '', id: '' };
  }
}

/** The row id in a global id of the given type, or undefined. */
export function rowId(typename: string, globalId: string): bigint | undefined {
  try {
    const decoded = decodeGlobalID(globalId);
    return decoded.typename === typename ? toRowId(decoded.id) : undefined;
  } catch {
    // decodeGlobalID throws for text that is no base64 of "type:id": not an id of ours.
    return undefined;
  }
}

/** A row id as Postgres can look it up; undefined for anything else. */
export function toRowId(text: string): bigint | undefined {
  if (!/^[1-9]\d{0,18}$/.test(text)) return undefined;
  const id = BigInt(text);
  return id <= ID_MAX ? id : undefined;
}
