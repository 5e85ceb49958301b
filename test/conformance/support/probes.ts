/** Documents and inputs that are made from the schema. */

import { randomUUID } from 'node:crypto';
import {
  type GraphQLInputType,
  type GraphQLOutputType,
  getNamedType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { globalId } from '../../integration/support/ids.ts';
import type { WorldIds } from './world.ts';

/** What inputs mean by a name, where its type alone does not say enough. */
const TEXTS: Record<string, string> = {
  paymentToken: 'tok_ok',
  accountToken: 'acct_ok',
  country: 'AE',
  region: 'AE',
  currency: 'USD',
  handle: 'pinkydoll',
};
const NUMBERS: Record<string, number> = {
  year: 2026,
  quarter: 3,
  giftAgeMin: 18,
  promiseMinutes: 60,
  durationSeconds: 120,
  expectedUnitPriceMinor: 2_500,
  opensInSeconds: 600,
};

/** Optional ids that exclude others, by the field that has them. */
const OMITTED: Record<string, readonly string[]> = {
  banViewer: ['streamId'],
  muteViewer: ['streamId'],
  unbanViewer: ['streamId'],
  unmuteViewer: ['streamId'],
  startGoal: ['giftId'],
  buyNow: ['offerId', 'streamId'],
  reportContent: ['streamId'],
};
/** Values without which a rule would be broken. */
const CHOSEN: Record<string, unknown> = {
  'startGoal.kind': 'COINS',
  'addTrackingEvent.status': 'IN_TRANSIT',
  'liveEvents.after': '',
  'setRegionRule.region': 'AE',
  'holdEarnings.idempotencyKey': 'another hold',
};

/** A value for an input of the schema: what is required and, of ids, whatever the world has. */
export function inputOf(type: GraphQLInputType, name: string, ids: WorldIds, hasDefault = false, of = ''): unknown {
  if (OMITTED[of]?.includes(name)) return undefined;
  const chosen = CHOSEN[`${of}.${name}`];
  if (chosen !== undefined) return chosen;
  if (of === 'startOffer' && name === 'streamId') return ids.shopStreamId;
  if (name === 'id')
    return ids[`${of === 'node' || of === 'liveStream' ? 'stream' : of.replace(/^treasure/, '').toLowerCase()}Id`];
  const named = getNamedType(type);
  const required = isNonNullType(type) && !hasDefault;
  const isId = named.name === 'ID';
  if (!required && !isId) return undefined;
  const inner = isNonNullType(type) ? type.ofType : type;
  if (isListType(inner))
    return [inputOf(inner.ofType as GraphQLInputType, name.replace(/s$/, ''), ids, false, of)].filter(
      (value) => value !== undefined,
    );
  if (isId) return ids[name] ?? ids[`${name}Id`];
  if (isInputObjectType(named)) {
    return Object.fromEntries(
      Object.values(named.getFields())
        .map((field) => [field.name, inputOf(field.type, field.name, ids, field.defaultValue !== undefined, of)])
        .filter(([, value]) => value !== undefined),
    );
  }
  if (isEnumType(named)) return named.getValues()[0]!.name;
  if (named.name === 'Boolean') return false;
  if (named.name === 'Int' || named.name === 'SafeInt') return NUMBERS[name] ?? 1;
  if (named.name === 'Date') return '1990-01-01';
  if (named.name === 'DateTime') return new Date().toISOString();
  if (name === 'idempotencyKey') return randomUUID();
  if (name === 'number') return ids.orderNumber;
  return ids[name] ?? TEXTS[name] ?? 'text';
}

/** The ids of the same types, of nothing. */
export function missingIds(ids: WorldIds): WorldIds {
  return Object.fromEntries(
    Object.entries(ids).map(([name, id]) => {
      const typename = /^(\w+):\d+$/.exec(Buffer.from(id, 'base64').toString())?.[1];
      return [name, typename === undefined ? id.replace(/[A-Z0-9]{4}$/, '2222') : globalId(typename, 999_999_999)];
    }),
  );
}

/** The smallest selection of a type: a leaf of it, or of what it holds. */
export function selectionOf(type: GraphQLOutputType): string {
  const named = getNamedType(type);
  if (isLeafType(named)) return '';
  if (isAbstractType(named)) return '{ __typename }';
  if (!isObjectType(named)) return '';
  const leaf = Object.values(named.getFields()).find(
    (field) => isLeafType(getNamedType(field.type)) && field.args.length === 0,
  );
  return leaf ? `{ ${leaf.name} }` : '{ __typename }';
}
