import { FEED_DOCUMENT, STAMP_DIGITS, STAMP_MARK } from '../fan-out/event.ts';
import { ClientSocket } from './socket.ts';
import { type ConnectOptions, OPERATION_ID } from './viewers.api.ts';

const SEQ_KEY = Buffer.from('"seq":');
const CURSOR_KEY = Buffer.from('"cursor":"');
const STAMP_KEY = Buffer.from(STAMP_MARK);
const ALSO_OPERATION_ID = 'also';
const ACK = 'connection_ack';
const QUOTE = 0x22;
const DIGIT_0 = 0x30;

/** Hears of every event, as a part of a buffer that is not to be kept. */
export type OnEvent = (bytes: Buffer, start: number, end: number) => void;

/** What a viewer watches, see `ConnectOptions`. */
export type ViewerOptions = Pick<ConnectOptions, 'keepCursors' | 'alsoStream'> & { streamId: string };

/** One viewer of one stream. Checks that the events it gets are numbered without a gap, also over a reconnect. */
export class Viewer {
  /** Number of the last event; 0 before the first. */
  seq = 0;
  subscribed = false;
  /** Since the last reset. */
  events = 0;
  lost = 0;
  doubled = 0;
  #socket: ClientSocket | undefined;
  #cursor: string | undefined;
  #goal: { seq: number; reached: () => void } | undefined;

  constructor(
    private readonly options: ViewerOptions,
    private readonly onEvent: OnEvent,
    private readonly onClosed: (code: number | undefined) => void,
  ) {}

  /** Connects and subscribes; behind the last cursor, if one was kept. */
  connect(url: URL): void {
    this.subscribed = false;
    const socket = new ClientSocket(url, {
      open: () => socket.send({ type: 'connection_init' }),
      frame: (_opcode, bytes, start, end) => this.#receive(bytes, start, end),
      close: this.onClosed,
    });
    this.#socket = socket;
  }

  get streamId(): string {
    return this.options.streamId;
  }

  stall(stalled: boolean): void {
    this.#socket?.stall(stalled);
  }

  destroy(): void {
    this.#socket?.destroy();
  }

  resetCounts(): void {
    this.events = 0;
    this.lost = 0;
    this.doubled = 0;
  }

  /** Resolves when the event of that number, or a later one, is here. */
  untilSeq(seq: number): Promise<void> {
    return new Promise((reached) => {
      if (this.seq >= seq) reached();
      else this.#goal = { seq, reached };
    });
  }

  #receive(bytes: Buffer, start: number, end: number): void {
    const at = bytes.indexOf(SEQ_KEY, start);
    if (at < 0 || at >= end) {
      this.#control(bytes.toString('latin1', start, end));
      return;
    }
    this.#count(readNumber(bytes, at + SEQ_KEY.length));
    if (this.options.keepCursors) this.#cursor = readCursor(bytes, start);
    this.onEvent(bytes, start, end);
  }

  #count(seq: number): void {
    this.events++;
    if (this.seq > 0 && seq !== this.seq + 1) {
      if (seq > this.seq) this.lost += seq - this.seq - 1;
      else this.doubled++;
    }
    if (seq > this.seq) this.seq = seq;
    if (this.#goal && this.seq >= this.#goal.seq) {
      this.#goal.reached();
      this.#goal = undefined;
    }
  }

  /** Everything that is no event. Pings and pongs of the protocol are not asked for by any server here. */
  #control(text: string): void {
    if (!text.includes(ACK)) throw new Error(`a viewer got ${text}`);
    this.#subscribe(OPERATION_ID, this.streamId, this.#cursor);
    if (this.options.alsoStream !== undefined) this.#subscribe(ALSO_OPERATION_ID, this.options.alsoStream);
    this.subscribed = true;
  }

  #subscribe(id: string, streamId: string, after?: string): void {
    this.#socket?.send({
      id,
      type: 'subscribe',
      payload: { operationName: 'Feed', query: FEED_DOCUMENT, variables: { streamId, after } },
    });
  }
}

/** When the event in a frame was sent, in µs on the machine's clock; undefined if it does not say. */
export function readStampUs(bytes: Buffer, start: number, end: number): number | undefined {
  const at = bytes.indexOf(STAMP_KEY, start);
  if (at < 0 || at + STAMP_KEY.length + STAMP_DIGITS > end) return undefined;
  return readNumber(bytes, at + STAMP_KEY.length);
}

function readNumber(bytes: Buffer, from: number): number {
  let value = 0;
  for (let at = from; ; at++) {
    const digit = bytes[at]! - DIGIT_0;
    if (!(digit >= 0 && digit <= 9)) return value;
    value = value * 10 + digit;
  }
}

function readCursor(bytes: Buffer, start: number): string {
  const from = bytes.indexOf(CURSOR_KEY, start) + CURSOR_KEY.length;
  return bytes.toString('latin1', from, bytes.indexOf(QUOTE, from));
}
