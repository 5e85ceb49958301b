/** A viewer who watches a stream over a WebSocket, comes back whenever the socket is lost, and counts what is missing. */
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { socketUrl } from '../support/wire.ts';

/** How long a client waits before it connects again: at random up to this, so that they do not come back all at once. */
const RECONNECT_MS_MAX = 400;
const HANDSHAKE_MS_MAX = 5_000;
/** A socket that brings nothing for so long, not even a ping, is taken for dead. */
const SILENCE_MS_MAX = 20_000;

const FEED = `subscription Feed($streamId: ID!, $after: String) {
  liveEvents(streamId: $streamId, after: $after) { cursor node { __typename seq occurredAt } }
}`;

type Edge = { cursor: string; node: { __typename: string; seq: number; occurredAt: string } };

/** When an event came, and how long after it was written to the log; both in ms. */
export type Arrival = { atMs: number; latencyMs: number };

/** Watches one stream from its first event, for as long as it is not closed. */
export class Watcher {
  /** The number of the last event that came. */
  seq = 0;
  lost = 0;
  doubled = 0;
  connects = 0;
  /** How its sockets ended, by close code. */
  readonly closes = new Map<number, number>();
  /** Errors that ended a subscription. */
  readonly errors: string[] = [];
  readonly arrivals: Arrival[] = [];
  /** What it was made to suffer itself, beside what happens to everybody. */
  harmed = false;
  #cursor = '';
  #socket: WebSocket | undefined;
  #stalled = false;
  #closing = false;
  #running: Promise<void>;

  constructor(
    readonly streamId: string,
    private readonly urls: readonly string[],
    private readonly random: () => number,
    private readonly home: number,
  ) {
    this.#running = this.#run();
  }

  get isStalled(): boolean {
    return this.#stalled;
  }

  /** Which of the servers it is connected to, as a load balancer would have chosen. */
  serverIndex = -1;

  /** Cuts the connection without a handshake. */
  drop(): void {
    this.harmed = true;
    this.#socket?.terminate();
  }

  /** Stops reading from the network. */
  stall(): void {
    this.harmed = true;
    this.#stalled = true;
    networkOf(this.#socket)?.pause();
  }

  /** Reads on. */
  recover(): void {
    this.#stalled = false;
    networkOf(this.#socket)?.resume();
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#socket?.terminate();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#closing) {
      // The first time at home, later wherever there is room: one server may be gone.
      const index = this.connects === 0 ? this.home : Math.floor(this.random() * this.urls.length);
      await this.#watchOnce(index);
      if (!this.#closing) await wait(this.random() * RECONNECT_MS_MAX);
    }
  }

  /** One socket's life. */
  #watchOnce(index: number): Promise<void> {
    return new Promise((ended) => {
      const socket = new WebSocket(socketUrl(this.urls[index]!), 'graphql-transport-ws', {
        handshakeTimeout: HANDSHAKE_MS_MAX,
      });
      this.#socket = socket;
      let silence: NodeJS.Timeout | undefined;
      const heard = () => {
        clearTimeout(silence);
        silence = setTimeout(() => (this.#stalled ? heard() : socket.terminate()), SILENCE_MS_MAX);
      };
      socket.on('open', () => {
        this.connects++;
        this.serverIndex = index;
        if (this.#stalled) networkOf(socket)?.pause();
        socket.send(JSON.stringify({ type: 'connection_init' }));
      });
      socket.on('message', (data: Buffer) => {
        heard();
        this.#take(socket, JSON.parse(data.toString()));
      });
      socket.on('ping', heard);
      socket.on('error', () => undefined); // it is closed next
      socket.on('close', (code) => {
        clearTimeout(silence);
        this.closes.set(code, (this.closes.get(code) ?? 0) + 1);
        this.serverIndex = -1;
        ended();
      });
      heard();
    });
  }

  #take(socket: WebSocket, message: { type: string; payload?: unknown }): void {
    if (message.type === 'connection_ack') {
      const variables = { streamId: this.streamId, after: this.#cursor };
      socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: FEED, variables } }));
    } else if (message.type === 'ping') {
      socket.send(JSON.stringify({ type: 'pong' }));
    } else if (message.type === 'next') {
      const { data, errors } = message.payload as { data?: { liveEvents: Edge }; errors?: unknown };
      if (data && !errors) this.#receive(data.liveEvents);
      else this.#giveUp(socket, errors);
    } else if (message.type === 'error') {
      this.#giveUp(socket, message.payload);
    } else if (message.type === 'complete') {
      socket.close(1000);
    }
  }

  /** Closes the socket, and tries again. Who is told that the database is away has been asked to do so: that is no error of the feed. */
  #giveUp(socket: WebSocket, errors: unknown): void {
    if (!isOutage(errors)) this.errors.push(JSON.stringify(errors));
    socket.close(1000);
  }

  #receive({ cursor, node }: Edge): void {
    if (node.seq <= this.seq) this.doubled++;
    else this.lost += node.seq - this.seq - 1;
    this.seq = Math.max(this.seq, node.seq);
    this.#cursor = cursor;
    const atMs = Date.now();
    this.arrivals.push({ atMs, latencyMs: atMs - Date.parse(node.occurredAt) });
  }
}

function isOutage(errors: unknown): boolean {
  return Array.isArray(errors) && errors.every(({ extensions }) => extensions?.code === 'UNAVAILABLE');
}

/** ws keeps the network's socket to itself; pausing it is the only way to be a client that stops reading. */
function networkOf(socket: WebSocket | undefined): Socket | undefined {
  return (socket as unknown as { _socket?: Socket } | undefined)?._socket;
}
