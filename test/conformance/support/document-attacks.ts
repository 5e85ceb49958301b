/** Documents that are made to cost more than they look: each as a query, and, where it has a meaning, as a subscription. */
import { DOCUMENT_LIMITS, type DocumentLimit } from '../../../src/graphql/limits/document-limits.ts';

/** Repeats, with a space between. */
export function times(count: number, text: (n: number) => string): string {
  return Array.from({ length: count }, (_, n) => text(n)).join(' ');
}

/** What of the limit: as much as it lets through, or one more. */
export type Size = 'at' | 'over';

type Attack = (count: number) => string;

const QUERY = (selection: string) => `{ me { ${selection} } }`;
/** The same below the events of a stream: it must be refused before the subscription opens. */
const FEED = (selection: string) =>
  `subscription { liveEvents(streamId: "x") { node { ... on GiftSent { sender { ${selection} } } } } }`;

/** Circles through the schema: a creator, the stream, its creator, and so on. */
function circle(levels: number): string {
  return levels <= 1
    ? 'id'
    : levels === 2
      ? 'currentStream { id }'
      : `currentStream { creator { ${circle(levels - 2)} } }`;
}

/** By limit; `count` is what is counted. */
export const DOCUMENT_ATTACKS: Record<DocumentLimit, { documents: Attack[] }> = {
  tokens: { documents: [(count) => QUERY('id '.repeat(count)), (count) => FEED('id '.repeat(count))] },
  operations: { documents: [(count) => times(count, (n) => `query Q${n} { me { id } }`)] },
  fragments: {
    documents: [QUERY, FEED].map(
      (wrap) => (count) => `${wrap('id ...F0')} ${times(count, (n) => `fragment F${n} on PublicProfile { id }`)}`,
    ),
  },
  spreads: {
    documents: [QUERY, FEED].map(
      (wrap) => (count) => `${wrap('...F '.repeat(count))} fragment F on PublicProfile { id }`,
    ),
  },
  aliases: { documents: [QUERY, FEED].map((wrap) => (count) => wrap(times(count, (n) => `a${n}: id`))) },
  nameLength: {
    documents: [
      ...[QUERY, FEED].map((wrap) => (count: number) => wrap(`${'a'.repeat(count)}: id`)),
      (count) => `query ${'a'.repeat(count)} { me { id } }`,
      (count) => `{ me { ...${'a'.repeat(count)} } } fragment ${'a'.repeat(count)} on PublicProfile { id }`,
    ],
  },
  directives: {
    documents: [QUERY, FEED].map(
      (wrap) => (count) =>
        wrap(times(count, (n) => `...${n % 2 ? '' : ' on PublicProfile'} @include(if: true) { id }`)),
    ),
  },
  directivesInOnePlace: {
    documents: [QUERY, FEED].map((wrap) => (count) => wrap(`id ${'@include(if: true) '.repeat(count)}`)),
  },
  nesting: {
    documents: [QUERY, FEED].map((wrap) => (count) => wrap(`${'... { '.repeat(count)} id ${'} '.repeat(count)}`)),
  },
  valueNesting: {
    documents: [
      (count) => `{ node(id: ${'['.repeat(count)}${']'.repeat(count)}) { id } }`,
      (count) => `subscription { liveEvents(streamId: ${'['.repeat(count)}${']'.repeat(count)}) { cursor } }`,
    ],
  },
  rootFields: {
    documents: [
      (count) => `{ ${times(count, (n) => `f${n}: me { id }`)} }`,
      (count) =>
        `mutation { ${times(count, (n) => `f${n}: sendLikes(input: {streamId: "x", count: 1}) { __typename }`)} }`,
      (count) => `subscription { ${times(count, (n) => `f${n}: walletUpdates { coins }`)} }`,
    ],
  },
  depth: {
    documents: [
      (count) => `{ creator(handle: "x") { ${circle(count - 1)} } }`,
      (count) =>
        `subscription { liveEvents(streamId: "x") { node { ... on GiftSent { sender { ${circle(count)} } } } } }`,
    ],
  },
  expandedSelections: {
    // Twice as many for each of a few fragments: a bomb of 500 bytes that would be millions of fields.
    documents: [
      (count) => `{ liveStreams { edges { node { ...F0 } } } } ${bomb(count)}`,
      (count) =>
        `subscription { liveEvents(streamId: "x") { node { ... on ProductPinned { ...F0 } } } } ${bomb(count)}`,
    ],
  },
  sameNames: {
    documents: [QUERY, FEED].map((wrap) => (count) => wrap('id '.repeat(count))),
  },
};

/** Fragments that each ask twice for what the one before asks for. */
function bomb(fragments: number): string {
  const body = (n: number) => times(3, (a) => `a${a}: creator { ...F${n} }`);
  return `${times(fragments, (n) => `fragment F${n} on LiveStream { ${body(n + 1)} }`)} fragment F${fragments} on Creator { id }`;
}

/** One more than the limit lets through. */
export function attackOn(limit: DocumentLimit): string[] {
  const counts: Partial<Record<DocumentLimit, number>> = {
    tokens: DOCUMENT_LIMITS.tokens,
    expandedSelections: 10,
    sameNames: 200,
    depth: DOCUMENT_LIMITS.depth + 1,
    valueNesting: DOCUMENT_LIMITS.valueNesting + 2,
  };
  return DOCUMENT_ATTACKS[limit].documents.map((document) => document(counts[limit] ?? DOCUMENT_LIMITS[limit] + 1));
}
