import type { GraphQLSchema } from 'graphql';
import '../domains/accounts/addresses.schema.ts';
import '../domains/battles/battles.events.schema.ts';
import '../domains/battles/battles.mutations.schema.ts';
import '../domains/battles/battles.schema.ts';
import '../domains/accounts/ages.schema.ts';
import '../domains/accounts/region-rules.schema.ts';
import '../domains/boxes/boxes.mutations.schema.ts';
import '../domains/boxes/boxes.schema.ts';
import '../domains/catalog/catalog.queries.schema.ts';
import '../domains/catalog/catalog.schema.ts';
import '../domains/catalog/merchants.schema.ts';
import '../domains/catalog/products.schema.ts';
import '../domains/creators/creators.schema.ts';
import '../domains/creators/follows.schema.ts';
import '../domains/fulfilment/fulfilment.schema.ts';
import '../domains/fulfilment/partners.mutations.schema.ts';
import '../domains/fulfilment/shipments.mutations.schema.ts';
import '../domains/fulfilment/vouchers.mutations.schema.ts';
import '../domains/gifts/gifts.schema.ts';
import '../domains/leaderboards/leaderboards.schema.ts';
import '../domains/goals/goals.mutations.schema.ts';
import '../domains/goals/goals.schema.ts';
import '../domains/goals/levels.schema.ts';
import '../domains/moderation/log.schema.ts';
import '../domains/moderation/moderation.mutations.schema.ts';
import '../domains/moderation/moderation.schema.ts';
import '../domains/moderation/moderators.schema.ts';
import '../domains/moderation/reports.schema.ts';
import '../domains/moderation/words.schema.ts';
import '../domains/offers/offers.mutations.schema.ts';
import '../domains/offers/offers.schema.ts';
import '../domains/offers/showcase.mutations.schema.ts';
import '../domains/offers/showcase.schema.ts';
import '../domains/offers/trust.schema.ts';
import '../domains/orders/after-sale.schema.ts';
import '../domains/orders/buy-now.schema.ts';
import '../domains/orders/orders.schema.ts';
import '../domains/payments/payments.schema.ts';
import '../domains/payouts/history.schema.ts';
import '../domains/payouts/operators.mutations.schema.ts';
import '../domains/payouts/payouts.mutations.schema.ts';
import '../domains/payouts/payouts.schema.ts';
import '../domains/reactions/reactions.errors.schema.ts';
import '../domains/reactions/reactions.events.schema.ts';
import '../domains/reactions/reactions.mutations.schema.ts';
import '../domains/reactions/reactions.schema.ts';
import '../domains/reactions/rules.mutations.schema.ts';
import '../domains/reactions/rules.schema.ts';
import '../domains/reports/report-link.schema.ts';
import '../domains/reports/reports.schema.ts';
import '../domains/streams/streams.mutations.schema.ts';
import '../domains/streams/streams.schema.ts';
import '../domains/trends/trends.schema.ts';
import '../domains/wallet/audit/ledger-audit.schema.ts';
import '../domains/wallet/caps/caps.schema.ts';
import '../domains/wallet/history/history.schema.ts';
import '../domains/wallet/wallet.schema.ts';
import './scalars.ts';
import { addDemoSignIn } from '../domains/accounts/accounts.schema.ts';
import { builder } from './builder.ts';

let built: { schema: GraphQLSchema; demo: boolean } | undefined;

/**
 * Builds the schema, once per process: Pothos registers types globally.
 * @param demo whether `signIn` exists
 */
export function buildSchema({ demo }: { demo: boolean }): GraphQLSchema {
  if (!built) {
    if (demo) addDemoSignIn();
    built = { schema: builder.toSchema({ sortSchema: true }), demo };
  }
  if (built.demo !== demo) throw new Error('one process serves either the demo schema or the other');
  return built.schema;
}
