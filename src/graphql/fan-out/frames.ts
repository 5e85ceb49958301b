/** First byte of a frame that is a whole text message (RFC 6455, 5.2). */
const FINAL_TEXT_FRAME = 0x81;
/** Lengths up to here stand in the second byte of the header. */
const LENGTH_7_BIT_MAX = 125;
/** In the second byte: the length follows in 2 or in 8 bytes. */
const LENGTH_16_BIT = 126;
const LENGTH_64_BIT = 127;

/** The part of a member's `next` messages that is its own, as graphql-ws writes it. */
export function nextPrefix(operationId: string): Buffer {
  return Buffer.from(`{"id":${JSON.stringify(operationId)},"type":"next","payload":`);
}

/**
 * Puts messages into WebSocket frames, one after the other in one buffer, so that they cost one write. A server's frames are
 * not masked, and ours are not compressed (permessage-deflate is off).
 */
export function encodeFrames(prefix: Buffer, payloads: readonly Buffer[]): Buffer {
  let size = 0;
  for (const payload of payloads) size += frameSize(prefix.length + payload.length);
  const frames = Buffer.allocUnsafe(size);
  let at = 0;
  for (const payload of payloads) {
    at = writeHeader(frames, at, prefix.length + payload.length);
    frames.set(prefix, at);
    frames.set(payload, at + prefix.length);
    at += prefix.length + payload.length;
  }
  return frames;
}

function frameSize(length: number): number {
  return length + (length <= LENGTH_7_BIT_MAX ? 2 : length <= 0xffff ? 4 : 10);
}

/** Returns where the message begins. */
function writeHeader(frames: Buffer, at: number, length: number): number {
  frames[at] = FINAL_TEXT_FRAME;
  if (length <= LENGTH_7_BIT_MAX) {
    frames[at + 1] = length;
    return at + 2;
  }
  if (length <= 0xffff) {
    frames[at + 1] = LENGTH_16_BIT;
    frames[at + 2] = length >> 8;
    frames[at + 3] = length & 0xff;
    return at + 4;
  }
  frames[at + 1] = LENGTH_64_BIT;
  frames.writeBigUInt64BE(BigInt(length), at + 2);
  return at + 10;
}
