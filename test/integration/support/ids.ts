/** Global ids, made and read by hand: tests need ids that no server would give. */

/** The global id of a row. */
export function globalId(typename: string, id: bigint | number | string): string {
  return Buffer.from(`${typename}:${id}`).toString('base64');
}

/** The row that a global id names. */
export function rowOf(id: string): string {
  return Buffer.from(id, 'base64').toString().split(':')[1]!;
}

/** Ids that name no row of the type: well-formed, of another type, and damaged. */
export function wrongIds(typename: string): [what: string, id: string][] {
  return [
    ['of nothing', globalId(typename, 999_999_999)],
    ['of another type', globalId(typename === 'Gift' ? 'Creator' : 'Gift', 1)],
    ['of an unknown type', globalId('Nothing', 1)],
    ['with row 0', globalId(typename, 0)],
    ['with a negative row', globalId(typename, -1)],
    ['with a row that is no number', globalId(typename, "1' OR '1'='1")],
    ['with a row beyond what the database holds', globalId(typename, 2n ** 63n)],
    ['with a NUL', globalId(typename, '\0')],
    ['without a row', Buffer.from(typename).toString('base64')],
    ['that is garbage', 'garbage'],
    ['that is empty', ''],
  ];
}
