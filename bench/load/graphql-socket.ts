import { ClientSocket } from './socket.ts';

type Message<Response> = { type: string; id?: string; payload?: Response };

/** A socket that the server has taken the token on. Any number of operations may be on their way. */
export type GraphQLSocket<Response> = {
  /** Sends one operation and resolves with its one response. */
  send: (operation: object) => Promise<Response>;
  close: () => void;
};

/** Resolves when the server has taken the token. */
export function openGraphQLSocket<Response>(url: URL, token: string): Promise<GraphQLSocket<Response>> {
  return new Promise((resolve, reject) => {
    const waiting = new Map<string, { resolve: (response: Response) => void; reject: (error: Error) => void }>();
    let lastId = 0;
    let closed: Error | undefined;
    const socket = new ClientSocket(url, {
      open: () => socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }),
      close: (code) => {
        closed = new Error(`the server closed a socket with ${code}`);
        reject(closed);
        for (const call of waiting.values()) call.reject(closed);
        waiting.clear();
      },
      frame: (_opcode, bytes, start, end) => {
        const { type, id, payload } = JSON.parse(bytes.toString('utf8', start, end)) as Message<Response>;
        if (type === 'connection_ack') resolve({ send, close: () => socket.destroy() });
        const call = waiting.get(id ?? '');
        if (!call || type === 'complete') return;
        waiting.delete(id!);
        if (type === 'next') call.resolve(payload!);
        else call.reject(new Error(`an operation was answered ${type} ${JSON.stringify(payload)}`));
      },
    });
    const send = (operation: object) =>
      new Promise<Response>((answered, failed) => {
        if (closed) {
          failed(closed);
          return;
        }
        const id = String(++lastId);
        waiting.set(id, { resolve: answered, reject: failed });
        socket.send({ id, type: 'subscribe', payload: operation });
      });
  });
}
