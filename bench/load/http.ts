import { connect, type Socket } from 'node:net';

const HEADERS_END = '\r\n\r\n';

/** One HTTP/1.1 connection that is kept alive, with one request under way: a client that costs next to nothing. */
export class ClientConnection {
  readonly #socket: Socket;
  readonly #url: URL;
  #received = '';
  #waiting: { resolve: (body: string) => void; reject: (error: Error) => void } | undefined;
  readonly #head: string;
  /** Resolves when the server has accepted the connection. */
  readonly connected: Promise<void>;

  constructor(
    url: string,
    private readonly token: string,
  ) {
    this.#url = new URL(url);
    this.#socket = connect({ host: this.#url.hostname, port: Number(this.#url.port), noDelay: true });
    this.#socket.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.connected = new Promise((resolve, reject) => {
      this.#socket.once('connect', resolve);
      this.#socket.on('error', (error) => {
        reject(error);
        this.#waiting?.reject(error);
      });
    });
    this.connected.catch(() => undefined); // not everybody waits for it
    this.#socket.on('close', () => this.#waiting?.reject(new Error('the server closed the connection')));
    this.#head =
      `POST /graphql HTTP/1.1\r\nhost: ${this.#url.host}\r\ncontent-type: application/json\r\naccept: application/json\r\n` +
      'authorization: Bearer ';
  }

  /** Posts JSON and resolves with the body of the answer, by default with the connection's token. */
  post(body: string, token: string = this.token): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) throw new Error('the connection is closed');
      this.#waiting = { resolve, reject };
      const length = Buffer.byteLength(body);
      this.#socket.write(`${this.#head}${token}\r\ncontent-length: ${length}${HEADERS_END}${body}`);
    });
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#received += text;
    const headersEnd = this.#received.indexOf(HEADERS_END);
    if (headersEnd < 0) return;
    const body = bodyOf(this.#received.slice(0, headersEnd), this.#received.slice(headersEnd + HEADERS_END.length));
    if (body === undefined) return;
    this.#received = '';
    this.#waiting?.resolve(body);
  }
}

/** The body, once all of it is here. */
function bodyOf(headers: string, received: string): string | undefined {
  const length = /\r\ncontent-length: *(\d+)/i.exec(headers)?.[1];
  if (length !== undefined) return Buffer.byteLength(received) >= Number(length) ? received : undefined;
  if (!received.endsWith('\r\n0\r\n\r\n')) return undefined;
  let body = '';
  for (let at = 0; ; ) {
    const sizeEnd = received.indexOf('\r\n', at);
    const sizeBytes = Number.parseInt(received.slice(at, sizeEnd), 16);
    if (sizeBytes === 0) return body;
    const chunk = Buffer.from(received.slice(sizeEnd + 2))
      .subarray(0, sizeBytes)
      .toString();
    body += chunk;
    at = sizeEnd + 2 + chunk.length + 2;
  }
}
