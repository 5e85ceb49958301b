/**
 * `sendGift` as most would serve it: stock Yoga over HTTP, one interactive Prisma transaction a gift (`gifts/naive-prisma.ts`),
 * and two more reads for what the client selects of the gift and of the wallet.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PrismaPg } from '@prisma/adapter-pg';
import { createSchema, createYoga } from 'graphql-yoga';
import { jwtVerify } from 'jose';
import type { GiftSentPayload } from '../../../src/domains/gifts/gifts.events.ts';
import { PrismaClient, type Viewer } from '../../../src/generated/prisma/client.ts';
import { rowId, toGlobalId } from '../../../src/graphql/global-id.ts';
import { restoreForeignKeys } from '../../gifts/foreign-keys.ts';
import { openNaive } from '../../gifts/naive-prisma.ts';
import { readArgument, serveCommands, usageCommands } from '../../lib/commands.ts';
import { TOKEN_SECRET } from '../../lib/config.ts';

/** Prisma's adapter opens so many connections if it is not told otherwise. */
const POOL_SIZE = 10;

const typeDefs = `
  scalar DateTime
  type PublicProfile { id: ID! handle: String! displayName: String! }
  type Gift { id: ID! name: String! coins: Int! }
  type GiftSent {
    seq: Int! occurredAt: DateTime! sender: PublicProfile! gift: Gift! quantity: Int! coins: Int! streak: Int!
  }
  type Wallet { coins: Int! }
  interface Error { code: String! message: String! }
  type SendGiftSuccess { replayed: Boolean! wallet: Wallet! giftSent: GiftSent! }
  type InsufficientCoinsError implements Error { code: String! message: String! }
  union SendGiftResult = SendGiftSuccess | InsufficientCoinsError
  input SendGiftInput { streamId: ID! giftId: ID! quantity: Int! = 1 idempotencyKey: String! }
  type Query { ok: Boolean! }
  type Mutation { sendGift(input: SendGiftInput!): SendGiftResult! }
`;
type Input = { streamId: string; giftId: string; quantity: number; idempotencyKey: string };

const { databaseUrl } = readArgument<{ databaseUrl: string }>();
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: databaseUrl }) });
await restoreForeignKeys(databaseUrl);
const gifts = openNaive(databaseUrl, POOL_SIZE);
const secret = new TextEncoder().encode(TOKEN_SECRET);

async function sendGift(viewer: Viewer, input: Input) {
  const streamId = rowId('LiveStream', input.streamId)!;
  const giftId = rowId('Gift', input.giftId)!;
  const { quantity, idempotencyKey } = input;
  const answer = await gifts.send({ viewerId: viewer.id, streamId, giftId, quantity, idempotencyKey });
  if (answer.kind === 'REFUSED') {
    return { __typename: 'InsufficientCoinsError', code: 'INSUFFICIENT_COINS', message: 'Not enough coins.' };
  }
  const event = await prisma.liveEvent.findUniqueOrThrow({
    where: { streamId_seq: { streamId, seq: answer.seq } },
  });
  const wallet = await prisma.ledgerAccount.findUniqueOrThrow({ where: { id: viewer.walletId } });
  const { sender, gift, ...counts } = event.payload as unknown as GiftSentPayload;
  return {
    __typename: 'SendGiftSuccess',
    replayed: answer.kind === 'REPLAYED',
    wallet: { coins: Number(wallet.balance) },
    giftSent: {
      seq: Number(event.seq),
      occurredAt: event.occurredAt.toISOString(),
      sender: { ...sender, id: toGlobalId('PublicProfile', sender.id) },
      gift: { ...gift, id: toGlobalId('Gift', gift.id) },
      ...counts,
    },
  };
}

const yoga = createYoga<object, { viewer: Viewer }>({
  schema: createSchema<{ viewer: Viewer }>({
    typeDefs,
    resolvers: {
      Query: { ok: () => true },
      Mutation: { sendGift: (_root: unknown, { input }: { input: Input }, { viewer }) => sendGift(viewer, input) },
    },
  }),
  context: async ({ request }) => {
    const token = request.headers.get('authorization')?.replace(/^Bearer /, '') ?? '';
    const { payload } = await jwtVerify(token, secret);
    return { viewer: await prisma.viewer.findUniqueOrThrow({ where: { subject: payload.sub! } }) };
  },
});
const server = createServer(yoga);
server.listen(0, '127.0.0.1', () => {
  serveCommands(usageCommands(), { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
