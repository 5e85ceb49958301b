import { createHash, createHmac } from 'node:crypto';
import { toCrockford } from '../../kernel/crockford.ts';

/** 80 bits: nobody guesses a code, however many they try. */
const CODE_BYTES = 10;
const CODE = /^[0-9A-HJKMNP-TV-Z]{16}$/;

/**
 * The codes of vouchers. A code follows from the voucher's id and a secret: the buyer can read it again and again, and the
 * database, which only holds its hash, gives none away.
 */
export class VoucherCodes {
  constructor(private readonly secret: string) {}

  /** The code of a voucher, in groups: "7ZK3-…". */
  codeOf(voucherId: bigint): string {
    const bytes = createHmac('sha256', this.secret).update(`voucher:${voucherId}`).digest();
    return toCrockford(bytes.subarray(0, CODE_BYTES)).replace(/.{4}(?=.)/g, '$&-');
  }

  /** What the database holds of a voucher's code. */
  hashOf(voucherId: bigint): string {
    return hashCode(this.codeOf(voucherId))!;
  }
}

/**
 * The hash of a code as somebody has typed it: case, spaces and dashes do not count, nor does O for 0, I or L for 1.
 * @returns undefined when that is no code at all
 */
export function hashCode(typed: string): string | undefined {
  const code = typed.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
  return CODE.test(code) ? createHash('sha256').update(code).digest('hex') : undefined;
}
