import { connect, type Socket } from 'node:net';

/** Opcodes of WebSocket frames, RFC 6455 section 5.2. */
export const OPCODE = { text: 1, close: 8, ping: 9, pong: 10 } as const;

/** Receives whole frames: their payload is `bytes` from `start` to `end`, and must not be kept. */
export type OnFrame = (opcode: number, bytes: Buffer, start: number, end: number) => void;

/** One buffer for all sockets: each read is handled before the next. */
const READ_BUFFER = Buffer.allocUnsafe(256 * 1024);
const UPGRADE_END = Buffer.from('\r\n\r\n');
const MASK_BYTES = 4;

/**
 * A WebSocket client with as little between it and the kernel as Node allows, so that thousands of them fit into a fraction
 * of a core. Speaks graphql-transport-ws, answers pings, knows neither compression nor fragments.
 */
export class ClientSocket {
  readonly #socket: Socket;
  #carry: Buffer | undefined;
  #upgraded = false;
  #reading = true;

  constructor(
    url: URL,
    private readonly on: { open: () => void; frame: OnFrame; close: (code: number | undefined) => void },
  ) {
    this.#socket = connect({
      host: url.hostname,
      port: Number(url.port),
      noDelay: true,
      onread: { buffer: READ_BUFFER, callback: (length, bytes) => this.#read(bytes as Buffer, length) },
    });
    this.#socket.on('error', () => undefined); // 'close' follows
    this.#socket.once('close', () => this.#closed(undefined));
    this.#socket.write(
      `GET /graphql HTTP/1.1\r\nHost: ${url.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
        'Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
    );
  }

  send(message: unknown): void {
    this.#socket.write(clientFrame(OPCODE.text, Buffer.from(JSON.stringify(message))));
  }

  /** Reads no more, as a client that hangs; or reads on. */
  stall(stalled: boolean): void {
    this.#reading = !stalled;
    if (stalled) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Ends the connection as a lost network does. */
  destroy(): void {
    this.#closed = () => undefined;
    this.#socket.destroy();
  }

  #closed = (code: number | undefined): void => {
    this.#closed = () => undefined;
    this.#socket.destroy();
    this.on.close(code);
  };

  #read(chunk: Buffer, length: number): boolean {
    let bytes = chunk;
    let end = length;
    if (this.#carry) {
      bytes = Buffer.concat([this.#carry, chunk.subarray(0, length)]);
      end = bytes.length;
      this.#carry = undefined;
    }
    let at = this.#upgraded ? 0 : this.#upgrade(bytes, end);
    if (at < 0) this.#carry = Buffer.from(bytes.subarray(0, end));
    while (at >= 0 && at < end) {
      const next = this.#frame(bytes, at, end);
      if (next === at) {
        this.#carry = Buffer.from(bytes.subarray(at, end));
        break;
      }
      at = next;
    }
    return this.#reading;
  }

  /** Where the frames begin; -1 as long as the answer to the upgrade is not complete. */
  #upgrade(bytes: Buffer, end: number): number {
    const found = bytes.indexOf(UPGRADE_END);
    if (found < 0 || found >= end) return -1;
    if (!bytes.toString('latin1', 0, 12).endsWith('101'))
      throw new Error(`no upgrade: ${bytes.toString('latin1', 0, found)}`);
    this.#upgraded = true;
    this.on.open();
    return found + UPGRADE_END.length;
  }

  /** Handles the frame that begins at `at`, and returns where the next begins: `at`, if this one is not complete. */
  #frame(bytes: Buffer, at: number, end: number): number {
    if (end - at < 2) return at;
    let start = at + 2;
    let length = bytes[at + 1]!;
    if (length === 126) {
      if (end - at < 4) return at;
      length = bytes.readUInt16BE(at + 2);
      start = at + 4;
    } else if (length === 127) {
      if (end - at < 10) return at;
      length = Number(bytes.readBigUInt64BE(at + 2));
      start = at + 10;
    }
    const next = start + length;
    if (next > end) return at;
    const opcode = bytes[at]! & 15;
    if (opcode === OPCODE.text) this.on.frame(opcode, bytes, start, next);
    else if (opcode === OPCODE.ping) this.#socket.write(clientFrame(OPCODE.pong, bytes.subarray(start, next)));
    else if (opcode === OPCODE.close) this.#closed(length >= 2 ? bytes.readUInt16BE(start) : undefined);
    return next;
  }
}

/** A frame of a client. Its mask is zero, which spares the masking. */
function clientFrame(opcode: number, payload: Buffer): Buffer {
  const size = payload.length;
  const header = size < 126 ? Buffer.alloc(2 + MASK_BYTES) : Buffer.alloc(4 + MASK_BYTES);
  header[0] = 0x80 | opcode;
  if (size < 126) header[1] = 0x80 | size;
  else {
    header[1] = 0x80 | 126;
    header.writeUInt16BE(size, 2);
  }
  return Buffer.concat([header, payload]);
}
