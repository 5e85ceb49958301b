import { createHash, createHmac } from 'node:crypto';

/** Crockford's base 32: no I, L, O or U, so that a code can be read out and typed. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const BITS_PER_CHARACTER = 5;
/** 100 bits: nobody guesses a code, however many they try. */
const CODE_LENGTH = 20;
const GROUP_LENGTH = 5;
const CODE = new RegExp(`^[${ALPHABET}]{${CODE_LENGTH}}$`);

/**
 * The codes of vouchers. A code follows from the voucher's id and a secret: the buyer can read it again and again, and the
 * database, which only holds its hash, gives none away.
 */
export class VoucherCodes {
  constructor(private readonly secret: string) {}

  /** The code of a voucher, in groups: "7ZK3Q-…". */
  codeOf(voucherId: bigint): string {
    const bytes = createHmac('sha256', this.secret).update(`voucher:${voucherId}`).digest();
    const groups: string[] = [];
    for (let start = 0; start < CODE_LENGTH; start += GROUP_LENGTH) {
      groups.push(Array.from({ length: GROUP_LENGTH }, (_, at) => characterAt(bytes, start + at)).join(''));
    }
    return groups.join('-');
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

function characterAt(bytes: Buffer, position: number): string {
  const bit = position * BITS_PER_CHARACTER;
  const pair = (bytes[bit >> 3]! << 8) | bytes[(bit >> 3) + 1]!;
  return ALPHABET[(pair >> (16 - BITS_PER_CHARACTER - (bit & 7))) & 31]!;
}
