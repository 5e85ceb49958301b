/** The same page as most would write it: stock Yoga, one Prisma `findMany` with everything included, the card computed from that. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PrismaPg } from '@prisma/adapter-pg';
import { createSchema, createYoga } from 'graphql-yoga';
import { jwtVerify } from 'jose';
import { POOL_SIZE_MAX } from '../../../src/db/database.ts';
import { PrismaClient } from '../../../src/generated/prisma/client.ts';
import { readArgument, serveCommands } from '../../lib/commands.ts';
import { TOKEN_SECRET } from '../../lib/config.ts';

const typeDefs = `
  type Money { minorUnits: Float! currency: String! }
  type Merchant { id: ID! handle: String! name: String! }
  type ProductVariant { id: ID! title: String! available: Int! price: Money! }
  type TrustCard { sellerVerified: Boolean! disputeRate: Float escrow: Boolean! deliveryPromiseDays: Int lowestPriceLast30Days: Money }
  type Product { id: ID! title: String! kind: String! merchant: Merchant! variants: [ProductVariant!]! trust: TrustCard! }
  type ProductEdge { node: Product! }
  type ProductConnection { edges: [ProductEdge!]! }
  type Query { products(first: Int!): ProductConnection! }
`;
const DAY_MS = 86_400_000;
const MINUTES_PER_DAY = 1_440;
/** Orders below which a rate says nothing. */
const ORDERS_MIN = 20;

const { databaseUrl } = readArgument<{ databaseUrl: string }>();
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: databaseUrl, max: POOL_SIZE_MAX }) });
const secret = new TextEncoder().encode(TOKEN_SECRET);

async function findProducts(first: number) {
  const since = new Date(Date.now() - 30 * DAY_MS);
  const found = await prisma.product.findMany({
    where: { status: 'PUBLISHED' },
    orderBy: { id: 'desc' },
    take: first,
    include: {
      merchant: true,
      variants: {
        where: { active: true },
        orderBy: [{ position: 'asc' }, { id: 'asc' }],
        include: {
          prices: { where: { changedAt: { gt: since } } },
          item: { include: { inventory: { include: { warehouse: true } } } },
        },
      },
    },
  });
  const rates = await readDisputeRates([...new Set(found.map(({ merchantId }) => merchantId))]);
  return found.map((product) => {
    const stock = product.variants.flatMap(({ item }) => item.inventory).filter(({ onHand, held }) => onHand > held);
    const minutes = Math.min(...stock.map(({ warehouse }) => warehouse.promiseMinutes));
    const lowest = Math.min(
      ...product.variants.flatMap(({ prices }) => prices.map((price) => Number(price.priceMinor))),
    );
    return {
      id: String(product.id),
      title: product.title,
      kind: product.kind,
      merchant: { ...product.merchant, id: String(product.merchantId) },
      variants: product.variants.map(({ id, title, priceMinor, currency, item }) => ({
        id: String(id),
        title,
        available: item.inventory.reduce((sum, { onHand, held }) => sum + onHand - held, 0),
        price: { minorUnits: Number(priceMinor), currency },
      })),
      trust: {
        sellerVerified: product.merchant.verified,
        disputeRate: rates.get(product.merchantId) ?? null,
        escrow: true,
        deliveryPromiseDays: stock.length > 0 ? Math.ceil(minutes / MINUTES_PER_DAY) : null,
        lowestPriceLast30Days: { minorUnits: lowest, currency: product.variants[0]?.currency },
      },
    };
  });
}

async function readDisputeRates(merchantIds: bigint[]): Promise<Map<bigint, number>> {
  const since = new Date(Date.now() - 90 * DAY_MS);
  const paid = {
    merchantId: { in: merchantIds },
    createdAt: { gt: since },
    state: { notIn: ['PENDING_PAYMENT', 'CANCELLED'] },
  };
  const [orders, disputed] = await Promise.all([
    prisma.shopOrder.groupBy({ by: ['merchantId'], where: paid, _count: true }),
    prisma.shopOrder.groupBy({ by: ['merchantId'], where: { ...paid, disputes: { some: {} } }, _count: true }),
  ]);
  const contested = new Map(disputed.map(({ merchantId, _count }) => [merchantId, _count]));
  return new Map(
    orders.flatMap(({ merchantId, _count }) =>
      _count < ORDERS_MIN ? [] : [[merchantId, (contested.get(merchantId) ?? 0) / _count] as const],
    ),
  );
}

const yoga = createYoga({
  schema: createSchema({
    typeDefs,
    resolvers: {
      Query: {
        products: async (_root: unknown, { first }: { first: number }) => ({
          edges: (await findProducts(first)).map((node) => ({ node })),
        }),
      },
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
  serveCommands({}, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql` });
});
