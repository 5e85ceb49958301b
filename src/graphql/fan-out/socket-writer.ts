import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

/**
 * Writes to one socket: messages by way of the `ws` library, and whole frames beside it. Both write whole frames only, and
 * neither compresses, so they may take turns.
 */
export class SocketWriter {
  #waiting: Set<() => void> | undefined;
  #isCorked = false;

  constructor(
    private readonly socket: WebSocket,
    private readonly raw: Duplex,
  ) {}

  /** Whether the socket asks to wait: the client, or the network, does not keep up. */
  get isBlocked(): boolean {
    return this.raw.writableNeedDrain;
  }

  /** Writes frames, unless the socket is closing. */
  write(frames: Buffer): void {
    if (this.socket.readyState === this.socket.OPEN) this.raw.write(frames);
  }

  /**
   * Sends a message; all that are sent in one turn of the event loop are one write.
   * @returns undefined, or, when the socket is blocked, a promise of when it no longer is
   */
  send(message: string): Promise<void> | undefined {
    if (this.socket.readyState !== this.socket.OPEN) return undefined;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.raw.cork();
      setImmediate(this.#uncork);
    }
    this.socket.send(message);
    return this.isBlocked ? new Promise((resolve) => this.whenWritable(resolve)) : undefined;
  }

  /** Calls back once, when the socket can be written to again, or is closed. */
  whenWritable(callback: () => void): void {
    if (!this.#waiting) {
      this.#waiting = new Set();
      this.raw.once('drain', this.#wake);
    }
    this.#waiting.add(callback);
  }

  /** Lets go of everybody who waits: the socket is closed. */
  close(): void {
    this.#wake();
  }

  readonly #uncork = (): void => {
    this.#isCorked = false;
    this.raw.uncork();
  };

  readonly #wake = (): void => {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.raw.removeListener('drain', this.#wake);
    for (const callback of waiting ?? []) callback();
  };
}
