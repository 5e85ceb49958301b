import type { GraphQLSchema } from 'graphql';
import '../domains/catalog/catalog.schema.ts';
import '../domains/creators/creators.schema.ts';
import '../domains/gifts/gifts.schema.ts';
import '../domains/payments/payments.schema.ts';
import '../domains/streams/streams.mutations.schema.ts';
import '../domains/streams/streams.schema.ts';
import '../domains/trends/trends.schema.ts';
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
