import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';
import { DomainError } from '../kernel/errors.ts';
import type { Context } from './context.ts';

declare global {
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      gate: GatePlugin<Types>;
    }
  }
}

const PLUGIN_NAME = 'gate';

type Resolver<Types extends SchemaTypes> = GraphQLFieldResolver<unknown, Types['Context'], object>;

/**
 * Stands before every mutation, and before every subscription opens: lets nobody through whose operation is over the rate limits,
 * and nobody who is banned from the whole platform. Inside the errors plugin, so that mutations answer with their unions.
 */
class GatePlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(resolver: Resolver<Types>, { kind }: PothosOutputFieldConfig<Types>): Resolver<Types> {
    return kind === 'Mutation' ? noted(gated(resolver)) : resolver;
  }

  override wrapSubscribe(
    subscriber: Resolver<Types> | undefined,
    { kind }: PothosOutputFieldConfig<Types>,
  ): Resolver<Types> | undefined {
    return kind === 'Subscription' && subscriber ? gated(subscriber) : subscriber;
  }
}

SchemaBuilder.registerPlugin(PLUGIN_NAME, GatePlugin);

export default PLUGIN_NAME;

/** Notes the code of an expected failure: further out the errors plugin makes a member of a union of it, and nobody sees it any more. */
function noted<Types extends SchemaTypes>(resolver: Resolver<Types>): Resolver<Types> {
  return async (parent, args, context, info) => {
    try {
      return await resolver(parent, args, context, info);
    } catch (error) {
      if (error instanceof DomainError) (context as Context).outcome = error.code;
      throw error;
    }
  };
}

function gated<Types extends SchemaTypes>(resolver: Resolver<Types>): Resolver<Types> {
  return (parent, args, context, info) => {
    const { refusal, actor, services } = context as Context;
    if (refusal) throw refusal;
    const ban = actor && services.moderation.bans.platformBanOf(actor.id);
    if (ban) throw ban;
    return resolver(parent, args, context, info);
  };
}
