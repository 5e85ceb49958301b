/** Many gifters in one process, see `gifters.api.ts`. */
import { randomUUID } from 'node:crypto';
import { toGlobalId } from '../../src/graphql/global-id.ts';
import { callInTurn } from '../lib/callers.ts';
import { serveCommands } from '../lib/commands.ts';
import { below, createRandom } from '../lib/random.ts';
import { quantile } from '../lib/stats.ts';
import { type Acknowledged, type GifterCommands, type GiftersOptions, SEND_GIFT_DOCUMENT } from './gifters.api.ts';
import { openGraphQLSocket } from './graphql-socket.ts';
import { ClientConnection } from './http.ts';

const QUANTITY_MAX = 3;
const SEED = 20_261_122;

/** Sends one operation as the viewer it belongs to, and resolves with the response. */
type Send = (operation: object) => Promise<Response>;
type Response = {
  data?: { sendGift: { __typename: string; giftSent?: { seq: number } } } | null;
  errors?: unknown;
};
/** One place for a gift that is on its way. */
type Slot = { viewerId: bigint; send: Send };

async function run(options: GiftersOptions) {
  const { streamId, giftIds, warmUpMs, durationMs } = options;
  const connections = options.transport === 'http' ? openHttp(options) : await openSockets(options);
  const random = createRandom(SEED);
  const acknowledged: Acknowledged[] = [];
  const sendGift = async (slot: number): Promise<'SENT' | 'REFUSED'> => {
    const { viewerId, send } = connections.slots[slot]!;
    const giftId = giftIds[below(random, giftIds.length)]!;
    const quantity = 1 + below(random, QUANTITY_MAX);
    const idempotencyKey = randomUUID();
    const { data, errors } = await send({
      operationName: 'Send',
      query: SEND_GIFT_DOCUMENT,
      variables: {
        input: {
          streamId: toGlobalId('LiveStream', streamId),
          giftId: toGlobalId('Gift', giftId),
          quantity,
          idempotencyKey,
        },
      },
    });
    const outcome = data?.sendGift;
    if (outcome?.__typename === 'InsufficientCoinsError') return 'REFUSED';
    if (!outcome?.giftSent) throw new Error(`A gift was answered ${JSON.stringify(outcome ?? errors ?? data)}`);
    const order = { viewerId, idempotencyKey, streamId, giftId, quantity };
    acknowledged.push({ order, seq: BigInt(outcome.giftSent.seq) });
    return 'SENT';
  };
  try {
    const signal = new AbortController().signal; // the driver ends the whole process
    const callers = connections.slots.length;
    const measured = await callInTurn({ callers, warmUpMs, durationMs, signal }, sendGift);
    const latenciesMs = measured.latenciesMs.get('SENT') ?? [];
    return {
      giftsPerSecond: (latenciesMs.length * 1000) / durationMs,
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
      clientCpuShare: measured.cpuMs / durationMs,
      acknowledged,
    };
  } finally {
    connections.close();
  }
}

function openHttp({ url, gifters, inFlight }: GiftersOptions): { slots: Slot[]; close: () => void } {
  const opened: ClientConnection[] = [];
  const slots = gifters.flatMap(({ viewerId, token }) =>
    Array.from({ length: inFlight }, (): Slot => {
      const connection = new ClientConnection(url, token);
      opened.push(connection);
      const send: Send = async (operation) => JSON.parse(await connection.post(JSON.stringify(operation))) as Response;
      return { viewerId, send };
    }),
  );
  return {
    slots,
    close: () => {
      for (const connection of opened) connection.close();
    },
  };
}

async function openSockets(options: GiftersOptions): Promise<{ slots: Slot[]; close: () => void }> {
  const url = new URL(options.url);
  const opened = await Promise.all(options.gifters.map(({ token }) => openGraphQLSocket<Response>(url, token)));
  return {
    slots: options.gifters.flatMap(({ viewerId }, index) =>
      Array.from({ length: options.inFlight }, () => ({ viewerId, send: opened[index]!.send })),
    ),
    close: () => {
      for (const { close } of opened) close();
    },
  };
}

serveCommands({ run } satisfies GifterCommands);
