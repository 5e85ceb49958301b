/** Digits that cannot be taken for one another: https://www.crockford.com/base32.html */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * Bytes in Crockford's base 32: five bits a character, first bits first.
 * @param bytes as many as fill whole characters: a multiple of 5
 */
export function toCrockford(bytes: Uint8Array): string {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  let text = '';
  for (let bits = bytes.length * 8; bits > 0; bits -= 5) {
    text = DIGITS[Number(value & 31n)] + text;
    value >>= 5n;
  }
  return text;
}
