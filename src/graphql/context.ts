import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import type { Accounts, Actor } from '../domains/accounts/accounts.api.ts';
import type { Addresses } from '../domains/accounts/addresses.service.ts';
import type { Battles } from '../domains/battles/battles.service.ts';
import type { Boxes } from '../domains/boxes/boxes.service.ts';
import type { Catalog } from '../domains/catalog/catalog.service.ts';
import type { Creators } from '../domains/creators/creators.service.ts';
import type { Fulfilment } from '../domains/fulfilment/fulfilment.service.ts';
import type { Gifts } from '../domains/gifts/gifts.service.ts';
import type { Goals } from '../domains/goals/goals.service.ts';
import type { Leaderboards } from '../domains/leaderboards/leaderboards.service.ts';
import type { Moderation } from '../domains/moderation/moderation.service.ts';
import type { Offers } from '../domains/offers/offers.service.ts';
import type { Orders } from '../domains/orders/orders.service.ts';
import type { Payments } from '../domains/payments/payments.service.ts';
import type { Payouts } from '../domains/payouts/payouts.service.ts';
import type { Reactions } from '../domains/reactions/reactions.service.ts';
import type { Reports } from '../domains/reports/reports.service.ts';
import type { Streams } from '../domains/streams/streams.service.ts';
import type { Trends } from '../domains/trends/trends.service.ts';
import type { Wallets } from '../domains/wallet/wallet.api.ts';
import { NotSignedInError, type RateLimitedError, type TokenProblem, type UnavailableError } from '../kernel/errors.ts';

/** The use cases that resolvers may call. Built once, by the composition root. */
export type Services = {
  db: Database;
  accounts: Accounts;
  addresses: Addresses;
  wallets: Wallets;
  payments: Payments;
  payouts: Payouts;
  creators: Creators;
  streams: Streams;
  gifts: Gifts;
  moderation: Moderation;
  goals: Goals;
  battles: Battles;
  catalog: Catalog;
  trends: Trends;
  fulfilment: Fulfilment;
  offers: Offers;
  orders: Orders;
  boxes: Boxes;
  leaderboards: Leaderboards;
  reactions: Reactions;
  reports: Reports;
};

/** What every resolver gets. Lives as long as a request or, for a subscription, as long as the subscription. */
export type Context = {
  services: Services;
  log: Logger;
  /** Who asks; undefined without a valid token. */
  actor: Actor | undefined;
  /** Why there is no actor. */
  tokenProblem: TokenProblem | undefined;
  /** Names the request in the log: over HTTP the `x-request-id` of the answer, on a WebSocket its socket and operation. */
  requestId?: string | undefined;
  /** The trace that the client asks for it to belong to: W3C's `traceparent`. */
  traceparent?: string | undefined;
  /** The code of the expected failure that a mutation ended with, for the metrics. */
  outcome?: string;
  /** The network that the request came from, if that is counted. */
  network?: string | undefined;
  /** Why no mutation of this operation is done: the rate limits. */
  refusal?: RateLimitedError | UnavailableError | undefined;
  /** Where a read notes what it shows (`topics`), if its answer may be kept until that changes. */
  shown?: Set<string>;
  /** Ends the connection that the request came by, so that the client reconnects: 1013 on a WebSocket, an end over HTTP. */
  endConnection: (reason: string) => void;
};

/**
 * The viewer who asks.
 * @throws {NotSignedInError} when nobody is signed in
 */
export function requireActor(context: Context): Actor {
  if (!context.actor) throw new NotSignedInError(context.tokenProblem);
  return context.actor;
}
