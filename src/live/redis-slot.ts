/** Slots of a Redis Cluster. */
export const SLOTS = 16_384;

const CRC16_POLYNOMIAL = 0x1021;

/**
 * The slot of a key or channel, as a Redis Cluster computes it: CRC16 (XMODEM) of what stands between the first braces, or of
 * everything where there is nothing between them.
 */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (const byte of Buffer.from(hashed)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ CRC16_POLYNOMIAL;
    crc &= 0xffff;
  }
  return crc % SLOTS;
}
