/** What a bare server needs: JSON over node:http, nothing else. Nobody is asked who they are. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { readArgument, serveCommands, usageCommands } from '../../lib/commands.ts';
import type { BareAnswer, BareOrder } from '../buyers.api.ts';

/** Serves purchases with `buy`, on a pool of the size that the driver asks for. */
export function serveBare(buy: (pool: pg.Pool, order: BareOrder) => Promise<BareAnswer>): void {
  const { databaseUrl, poolSize } = readArgument<{ databaseUrl: string; poolSize: number }>();
  const pool = new pg.Pool({ connectionString: databaseUrl, max: poolSize, keepAlive: true });
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      buy(pool, JSON.parse(body) as BareOrder).then(
        (answer) => respond(response, 200, answer),
        (error: unknown) => respond(response, 500, { error: String(error) }),
      );
    });
  });
  server.listen(0, '127.0.0.1', () => {
    serveCommands(usageCommands(), { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  });
}

function respond(response: ServerResponse, status: number, body: BareAnswer | { error: string }): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
