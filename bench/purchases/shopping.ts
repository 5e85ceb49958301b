import { toGlobalId } from '../../src/graphql/global-id.ts';
import { openGraphQLSocket } from '../load/graphql-socket.ts';
import { ClientConnection } from '../load/http.ts';
import {
  type BareAnswer,
  type BareOrder,
  BUY_DOCUMENT,
  type Buyer,
  type BuyersOptions,
  type Ware,
} from './buyers.api.ts';

/** A purchase that somebody wants, under a key of theirs. */
export type Wanted = { buyer: Buyer; ware: Ware; idempotencyKey: string };

/** A way to buy. Over HTTP in the name of anybody, over WebSocket in that of who has opened it. */
export type Connection = {
  /**
   * Makes one attempt. Resolves with BOUGHT or the code of an error.
   * @throws when the connection breaks, or the answer is none
   */
  buy: (wanted: Wanted) => Promise<string>;
  close: () => void;
};

/** Opens a connection, and waits until the server is there. */
export async function openConnection(options: BuyersOptions, { token }: Buyer): Promise<Connection> {
  if (options.transport === 'ws') {
    const socket = await openGraphQLSocket<GraphQLAnswer>(new URL(options.url), token);
    return { buy: async (wanted) => endOf(await socket.send(toOperation(options, wanted))), close: socket.close };
  }
  const connection = new ClientConnection(options.url, token);
  await connection.connected;
  const post = async (body: object, { buyer }: Wanted) =>
    JSON.parse(await connection.post(JSON.stringify(body), buyer.token)) as unknown;
  const buy =
    options.transport === 'bare'
      ? async (wanted: Wanted) => bareEndOf((await post(toBareOrder(wanted), wanted)) as BareAnswer)
      : async (wanted: Wanted) => endOf((await post(toOperation(options, wanted), wanted)) as GraphQLAnswer);
  return { buy, close: () => connection.close() };
}

type GraphQLAnswer = {
  data?: { buyNow: { __typename: string; code?: string; order?: { number: string; state: string } } } | null;
  errors?: unknown;
};

function toOperation({ streamId }: BuyersOptions, { buyer, ware, idempotencyKey }: Wanted): object {
  const { variantId, offerId, priceMinor } = ware;
  return {
    operationName: 'Buy',
    query: BUY_DOCUMENT,
    variables: {
      input: {
        ...(offerId === undefined
          ? { variantId: toGlobalId('ProductVariant', variantId) }
          : { offerId: toGlobalId('Offer', offerId) }),
        streamId: toGlobalId('LiveStream', streamId),
        expectedUnitPriceMinor: priceMinor,
        paymentToken: 'tok_ok',
        addressId: toGlobalId('Address', buyer.viewerId),
        idempotencyKey,
      },
    },
  };
}

function endOf(answer: GraphQLAnswer): string {
  const end = answer.data?.buyNow;
  if (end?.order) {
    if (end.order.state !== 'PAID') throw new Error(`A purchase is ${end.order.state}`);
    return 'BOUGHT';
  }
  if (!end?.code) throw new Error(`A purchase was answered ${JSON.stringify(answer)}`);
  return end.code;
}

function toBareOrder({ buyer, ware }: Wanted): BareOrder {
  return { variantId: String(ware.variantId), buyerId: String(buyer.viewerId), quantity: 1 };
}

function bareEndOf(answer: BareAnswer): string {
  if ('soldOut' in answer) return 'SOLD_OUT';
  if (!('orderId' in answer)) throw new Error(`A purchase was answered ${JSON.stringify(answer)}`);
  return 'BOUGHT';
}
