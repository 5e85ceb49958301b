import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { seedCatalogue, seedDemo } from '../prisma/seed.ts';
import type { Audience, AudienceOptions } from './app/audience/audience.ts';
import { type CommunityOverrides, createCommunity } from './app/community.ts';
import { DemoShop } from './app/demo-shop.ts';
import { createGraphQLApi, hasGraphiQL } from './app/graphql.ts';
import { keptSecret } from './app/kept-secret.ts';
import { createLiveRoom } from './app/live-room.ts';
import { Retention, type RetentionOptions } from './app/retention.ts';
import { createWatch, type Watch } from './app/watch.ts';
import type { Config } from './config.ts';
import { connectDatabase, type Database, readDeployment, type SqlListener } from './db/database.ts';
import { createAccounts } from './domains/accounts/accounts.service.ts';
import { Addresses } from './domains/accounts/addresses.service.ts';
import { createTokens, type TokenKeys } from './domains/accounts/tokens.ts';
import { Catalog } from './domains/catalog/catalog.service.ts';
import { Creators } from './domains/creators/creators.service.ts';
import { Fulfilment, type FulfilmentOptions } from './domains/fulfilment/fulfilment.service.ts';
import { createPartnerWebhook } from './domains/fulfilment/partners/partner-webhook.ts';
import { createSandboxPartner } from './domains/fulfilment/partners/sandbox-partner.ts';
import { Gifts, type GiftsOptions } from './domains/gifts/gifts.service.ts';
import { Offers, type OffersOptions } from './domains/offers/offers.service.ts';
import { CHECKOUT } from './domains/orders/buy/buy-now.ts';
import { OrderUpdates } from './domains/orders/order-updates.ts';
import type { OrderNews } from './domains/orders/orders.api.ts';
import { Orders, type OrdersOptions } from './domains/orders/orders.service.ts';
import type { ChargeOwner, PaymentProvider } from './domains/payments/payments.api.ts';
import { COIN_PURCHASE, Payments, type PaymentsOptions } from './domains/payments/payments.service.ts';
import { createSandboxProvider } from './domains/payments/providers/sandbox.ts';
import type { StripeProvider } from './domains/payments/providers/stripe.ts';
import type { StripeClientOptions } from './domains/payments/providers/stripe-client.ts';
import type { PayoutHearer } from './domains/payouts/providers/stripe-events.ts';
import { createReportPages, REPORT_PAGES } from './domains/reports/http/report-pages.ts';
import type { ChatOptions } from './domains/streams/chat.ts';
import type { StreamEnding, WatchHook } from './domains/streams/streams.api.ts';
import { Streams } from './domains/streams/streams.service.ts';
import { Trends, type TrendsOptions } from './domains/trends/trends.service.ts';
import { createWallets } from './domains/wallet/wallet.service.ts';
import { bearerToken } from './graphql/bearer-token.ts';
import type { Services } from './graphql/context.ts';
import { findDemoExample, welcome } from './graphql/demo.ts';
import type { FanOut, FanOutOptions } from './graphql/fan-out/fan-out.ts';
import { rowId } from './graphql/global-id.ts';
import type { KeptAnswersOptions } from './graphql/kept-answers.ts';
import type { Instruments } from './kernel/instruments.ts';
import type { Bus } from './live/bus.ts';
import type { HubLimits } from './live/hub.ts';
import { createLive, type Live } from './live/live.ts';
import { createMemoryBus } from './live/memory-bus.ts';
import type { PointCounters } from './live/points.ts';
import type { PointsOptions } from './live/redis-points.ts';
import { createHttpServer, type HttpServer, type Page, type Webhook } from './server.ts';

/** For so long calls to the payment provider may end by themselves when the server drains; less than requests have. */
const PROVIDER_DRAIN_MS_MAX = 3_000;

/** What tests and benchmarks replace: limits, windows and the payment provider; nothing else is ever faked. */
export type AppOverrides = {
  hub?: Partial<HubLimits>;
  fanOut?: Partial<FanOutOptions>;
  responseCache?: KeptAnswersOptions;
  points?: PointsOptions;
  gifts?: GiftsOptions;
  chat?: ChatOptions;
  payments?: PaymentsOptions;
  offers?: OffersOptions;
  orders?: OrdersOptions;
  fulfilment?: FulfilmentOptions;
  paymentProvider?: PaymentProvider;
  stripe?: StripeClientOptions;
  pulseIntervalMs?: number;
  booksIntervalMs?: number;
  trends?: TrendsOptions;
  community?: CommunityOverrides;
  audience?: Partial<AudienceOptions>;
  /** Where the page is looked for. */
  liveRoomFolder?: string;
  retention?: RetentionOptions;
};

/** What an app is built with, beside its config. */
export type AppDeps = {
  log: Logger;
  databaseUrl: string;
  /** What counts and traces it; its own unless it is given. */
  instruments?: Instruments;
  overrides?: AppOverrides;
};

/** A running Hadiya. */
export type App = {
  services: Services;
  live: Live;
  fanOut: FanOut;
  listen: () => Promise<{ url: string }>;
  /** Where the metrics are, if they have a port of their own and it listens. */
  metricsPort: () => number | undefined;
  /** Drains: not ready, then no new connections, what is under way ends, queued gifts are committed, then everything is closed. */
  close: () => Promise<void>;
  /** What to tell whoever has started it. */
  welcome: (url: string) => string;
  /** Hears every SQL statement until the returned function is called. */
  onSql: (listener: SqlListener) => () => void;
};

/**
 * The composition root: builds everything from a config.
 * @throws {StartError} when Redis cannot be reached
 */
export async function createApp(config: Config, deps: AppDeps): Promise<App> {
  const { log, overrides = {} } = deps;
  const demo = config.auth.mode === 'demo';
  const { live, services, webhooks, pages, counters, start, endCalls, close } = await createDomains(config, deps);
  const { db } = services;
  const { instruments } = db;
  const parts = { services, live, counters, instruments, log, overrides };
  const { sockets, fanOut, ...overHttp } = await createGraphQLApi(config, parts).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const watch = await createWatch(config, { ...deps, db, live, fanOut });
  const site = createLiveRoom(overrides.liveRoomFolder);
  const server = createHttpServer({
    ...overHttp,
    site,
    sockets,
    log,
    readiness: watch.readiness,
    metrics: watch.metrics,
    metricsAccess: watch.access,
    instruments,
    webhooks,
    pages,
  });

  await seedCatalogue(db);
  if (demo) await seedDemo(services);
  const demoShop = demo && config.simulate ? new DemoShop({ services, log }) : undefined;
  await demoShop?.open();
  const example = demo ? await findDemoExample(services) : undefined;
  let isListening = false;
  const simulated = demo && config.simulate && !config.persistedOnly; // its own documents would be refused
  let audience: Promise<Audience> | undefined;
  return {
    services,
    live,
    fanOut,
    metricsPort: watch.port,
    listen: async () => {
      isListening = true;
      start();
      await db.replica?.start();
      await watch.start();
      const address = await server.listen(config.port, config.host);
      // A client like any other, so it is not waited for: whoever starts the server need not load it first.
      if (simulated) audience = openAudience({ url: address.url, log, ...overrides.audience });
      return address;
    },
    close: async () => {
      watch.readiness.drain();
      await (await audience)?.stop();
      await drain({ watch, server, endCalls, ...config.drain, isListening });
      await demoShop?.close();
      await close();
    },
    welcome: (url) => welcome(url, example, { hasRoom: site !== undefined, hasGraphiQL: hasGraphiQL(config) }),
    onSql: db.onSql,
  };
}

async function openAudience(options: AudienceOptions): Promise<Audience> {
  const { startAudience } = await import('./app/audience/audience.ts');
  return startAudience(options);
}

/** Stops serving, in the order of docs/operations.md, once it is not ready any more: no new connections, then what is under way ends. */
async function drain(options: {
  watch: Watch;
  server: HttpServer;
  endCalls: () => void;
  delayMs: number;
  spreadMs: number;
  isListening: boolean;
}): Promise<void> {
  const { watch, server, endCalls, delayMs, spreadMs, isListening } = options;
  // Load balancers need a while to notice; what they still send is served.
  if (isListening) await delay(delayMs);
  await server.release(spreadMs);
  // One that hangs would keep the drain waiting, and its callers without an answer.
  const late = setTimeout(endCalls, PROVIDER_DRAIN_MS_MAX);
  await server.close();
  clearTimeout(late);
  await watch.close();
}

/** All domains, put together: the services, and what begins and ends with the server. */
type Domains = {
  live: Live;
  services: Services;
  webhooks: ReadonlyMap<string, Webhook>;
  pages: ReadonlyMap<string, Page>;
  /** What the rate limits count with. */
  counters: PointCounters | undefined;
  /** Starts what is done again and again. */
  start: () => void;
  /** Ends calls to the payment provider: what they leave open is finished after the next start. */
  endCalls: () => void;
  /** Ends it, commits what is queued, and closes every connection. No request may be under way. */
  close: () => Promise<void>;
};

async function createDomains(config: Config, deps: AppDeps): Promise<Domains> {
  const { log, overrides = {} } = deps;
  const db = connectDatabase(deps.databaseUrl, log, {
    instruments: deps.instruments,
    replicaUrl: config.databaseReplicaUrl,
  });
  const bus = await createBus(config.redisUrl, db, log);
  const counters = await createCounters(config, { db, bus, log }, overrides.points);
  const live = createLive({ db, bus, log }, overrides.hub);
  const wallets = createWallets({ db, bus, log });
  const tokens = createTokens(await tokenKeys(config), log, config.auth.mode === 'demo' ? {} : config.auth);
  const accounts = createAccounts({ db, tokens, wallets, operators: new Set(config.operators) });
  const stripe = await createStripe(config, { db, log }, overrides.stripe);
  const provider = overrides.paymentProvider ?? stripe?.provider ?? createSandboxProvider(db);
  const endCalls = () => Promise.all([provider.close?.(), stripe?.payouts.close()]);
  const payments = new Payments({ db, live, wallets, provider, log }, overrides.payments);
  /** Who has things charged: the provider's webhooks reach them by the first half of their keys. */
  const chargeOwners = new Map<string, ChargeOwner>([[COIN_PURCHASE, payments.chargeOwner]]);
  const endings: StreamEnding[] = [];
  const watchHooks: WatchHook[] = [];
  const streams = new Streams(
    { db, live, wallets, log, endings, watchHooks },
    { pulseIntervalMs: overrides.pulseIntervalMs, chat: overrides.chat },
  );
  const gifts = new Gifts({ db, live, wallets, log }, overrides.gifts);
  const updates = new OrderUpdates({ db, bus, log });
  const fulfilment = await createFulfilment(config, { db, news: updates, log }, overrides.fulfilment);
  const offers = new Offers({ db, live, log }, overrides.offers);
  const orders = new Orders({ db, live, wallets, provider, fulfilment, updates, log }, overrides.orders);
  chargeOwners.set(CHECKOUT, orders.chargeOwner());
  const trends = new Trends({ db, live, log }, overrides.trends);
  const community = createCommunity(
    { db, live, bus, wallets, endings, watchHooks, payoutProvider: stripe?.payouts, log },
    overrides.community,
  );
  const retention = new Retention({ db, log, eventRetentionDays: config.eventRetentionDays }, overrides.retention);
  const services: Services = {
    ...community.services,
    db,
    accounts,
    addresses: new Addresses(db),
    wallets,
    payments,
    creators: new Creators(db, live.changes),
    streams,
    gifts,
    catalog: new Catalog({ db, changes: live.changes }),
    fulfilment,
    offers,
    orders,
    trends,
  };
  return {
    live,
    services,
    counters,
    webhooks: new Map([
      ...(stripe ? [['/webhooks/stripe', stripe.webhook(chargeOwners, services.payouts.flow)] as const] : []),
      [
        '/webhooks/partners/*',
        createPartnerWebhook({ db, news: updates, toShipmentId: (id) => rowId('Shipment', id) }),
      ],
    ]),
    pages: createPages(services),
    start: () => {
      for (const domain of [payments, gifts, offers, orders, fulfilment, trends, community, retention]) domain.start();
    },
    endCalls: () => void endCalls(),
    close: async () => {
      await Promise.all([orders.close(), fulfilment.close(), community.close()]);
      await Promise.all([endCalls(), gifts.close(), offers.close(), payments.close(), streams.close()]);
      await Promise.all([trends.close(), updates.close(), wallets.close(), retention.close()]);
      counters?.close();
      await live.close();
      await db.close();
    },
  };
}

/** What operators open in a browser. */
function createPages({ accounts, reports }: Services): ReadonlyMap<string, Page> {
  const authenticate = async ({ authorization }: IncomingHttpHeaders) =>
    (await accounts.authenticate(bearerToken(authorization))).actor;
  return new Map([[REPORT_PAGES, createReportPages({ reports, authenticate })]]);
}

/** Voucher codes follow from a secret that outlives restarts. Only a demo has a sandbox that moves what partners send. */
async function createFulfilment(
  config: Config,
  deps: { db: Database; news: OrderNews; log: Logger },
  options: FulfilmentOptions = {},
): Promise<Fulfilment> {
  const voucherSecret = config.voucherSecret ?? (await keptSecret(config.dataDir, 'voucher-secret', 'VOUCHER_SECRET'));
  const partner = config.auth.mode === 'demo' ? createSandboxPartner(options.sandbox) : undefined;
  return new Fulfilment({ ...deps, voucherSecret, partner }, options);
}

/** The client library of Redis is loaded only where there is a Redis: it is a tenth of the start. */
async function createBus(redisUrl: string | undefined, db: Database, log: Logger): Promise<Bus> {
  if (!redisUrl) return createMemoryBus();
  try {
    const { createRedisBus } = await import('./live/redis-bus.ts');
    return await createRedisBus(redisUrl, await readDeployment(db.pool), log, db.instruments.meters.bus);
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** What counts for the rate limits; nothing is loaded or connected where there is no limit. */
async function createCounters(
  { redisUrl, rateLimits }: Config,
  { db, bus, log }: { db: Database; bus: Bus; log: Logger },
  options?: PointsOptions,
): Promise<PointCounters | undefined> {
  const { viewer, money, ip, viewerCost, ipCost } = rateLimits;
  if (viewer + money + ip + viewerCost + ipCost === 0) return undefined;
  if (!redisUrl) return (await import('./live/points.ts')).createLocalCounters();
  try {
    const { createRedisCounters } = await import('./live/redis-points.ts');
    return await createRedisCounters(redisUrl, await readDeployment(db.pool), log, options);
  } catch (error) {
    await Promise.all([bus.close(), db.close()]);
    throw error;
  }
}

/** Stripe, where its secrets are set. Its package, too, is loaded only then. */
async function createStripe(config: Config, deps: { db: Database; log: Logger }, options?: StripeClientOptions) {
  if (!config.stripe) return undefined;
  const { secretKey, webhookSecret } = config.stripe;
  const [{ StripeProvider }, { createStripeWebhook }, { StripePayouts }, { stripePayoutEvents }] = await Promise.all([
    import('./domains/payments/providers/stripe.ts'),
    import('./domains/payments/providers/stripe-webhook.ts'),
    import('./domains/payouts/providers/stripe.ts'),
    import('./domains/payouts/providers/stripe-events.ts'),
  ]);
  const provider: StripeProvider = new StripeProvider(deps, secretKey, options);
  const payouts = new StripePayouts(deps, secretKey, options);
  return {
    provider,
    payouts,
    webhook: (owners: ReadonlyMap<string, ChargeOwner>, hearer: PayoutHearer) => {
      const others = new Map(stripePayoutEvents(payouts, hearer));
      return createStripeWebhook({ ...deps, stripe: provider, webhookSecret, owners, others });
    },
  };
}

/** In demo mode the server signs tokens itself, with a secret that outlives restarts. */
async function tokenKeys(config: Config): Promise<TokenKeys> {
  if (config.auth.mode === 'secret') return { secret: config.auth.secret };
  if (config.auth.mode === 'jwks') return { jwksUrl: config.auth.url };
  return { secret: await keptSecret(config.dataDir, 'demo-token-secret', 'JWT_SECRET or JWKS_URL') };
}
