/** Documents and their cost: the same on every transport, before anything is executed or opened. */
import { expect } from 'vitest';
import { COST_LIMITS } from '../../../src/graphql/limits/cost.ts';
import { DOCUMENT_LIMITS, type DocumentLimit } from '../../../src/graphql/limits/document-limits.ts';
import { FIELD_COSTS } from '../../../src/graphql/limits/field-costs.ts';
import type { Check } from './checks.ts';
import { attackOn, times } from './document-attacks.ts';
import { everywhere, expectRefused } from './speak.ts';

const LIMITS = 'src/graphql/limits/document-limits.ts';
const COST = 'src/graphql/limits/cost.ts';

const THREATS: Record<DocumentLimit, string> = {
  tokens: 'a document of ever more words',
  operations: 'many operations in one document',
  fragments: 'many fragments, which are compared in pairs',
  spreads: 'a fragment spread again and again',
  aliases: 'one field under many aliases',
  nameLength: 'an alias as long as a body, which the answer repeats for every item',
  directives: 'directives without end',
  directivesInOnePlace: 'directives heaped on one field',
  nesting: 'inline fragments within each other',
  valueNesting: 'lists within lists in an argument',
  rootFields: 'a batch of root fields in one operation',
  depth: 'circles through the schema',
  expandedSelections: 'a fragment bomb: each fragment spreads the next one several times',
  sameNames: 'one name many times in one place, compared in pairs',
};

const tooLarge: Check[] = (Object.keys(THREATS) as DocumentLimit[]).map((limit) => ({
  threat: THREATS[limit],
  limit: `\`${limit}\` ${DOCUMENT_LIMITS[limit].toLocaleString('en')}`,
  where: LIMITS,
  runs: everywhere(async (speak, ground) => {
    for (const document of attackOn(limit)) {
      expectRefused(await speak(ground, document), 'DOCUMENT_TOO_LARGE', limit);
    }
  }),
}));

const log = (size: string, below: string) =>
  `events${size.replace('last', 'first')} { edges { cursor node { ${below} } } }`;
const boxLog = (size: string, below: string) => `... on BoxFunded { box { stream { ${log(size, below)} } } }`;
/** Streams and their logs, in pages of `size`. */
const LEAVES = `seq occurredAt ${times(14, (n) => `a${n}: seq`)}`;
const pages = (size: string, below = LEAVES) => `{ liveStreams${size} { edges { node { ${log(size, below)} } } } }`;
/** From an event to a stream, to its log, and on in a circle: what one event would cost. */
const eventPages = (size: string) => `{ liveEvents(streamId: "x") { node { ${boxLog(size, boxLog(size, LEAVES))} } } }`;

/** What stands against documents. */
export const DOCUMENT_CHECKS: Check[] = [
  ...tooLarge,
  {
    threat: 'fragments that spread each other in a circle',
    limit: 'refused before anything follows them',
    where: 'src/graphql/limits/read-document.ts',
    runs: everywhere(async (speak, ground) => {
      const circle =
        'fragment A on LiveStream { id ...B } fragment B on LiveStream { creator { currentStream { ...A } } }';
      for (const document of [
        `{ liveStreams { edges { node { ...A } } } } ${circle}`,
        `subscription { liveEvents(streamId: "x") { node { ... on StreamStarted { stream { ...A } } } } } ${circle}`,
      ]) {
        expectRefused(await speak(ground, document), 'GRAPHQL_VALIDATION_FAILED');
      }
    }),
  },
  {
    threat: 'pages of pages, large by variables only',
    limit: `complexity ${COST_LIMITS.complexity.toLocaleString('en')}`,
    where: COST,
    runs: everywhere(async (speak, ground) => {
      for (const document of [
        `query ($n: Int) ${pages('(first: $n)')}`,
        `subscription ($n: Int) ${eventPages('(first: $n)')}`,
      ]) {
        expectRefused(await speak(ground, document, { n: 100 }), 'OPERATION_TOO_COSTLY', 'complexity');
      }
      const modest = await speak(ground, `query ($n: Int) ${pages('(first: $n)')}`, { n: 5 });
      expect(modest.errors).toBeUndefined();
    }),
  },
  {
    threat: 'a page without a size, or of a million items, taken for a small one',
    limit: 'counts as the default size, or the most that a page holds',
    where: 'src/graphql/limits/field-costs.ts',
    runs: everywhere(async (speak, ground) => {
      const documents = [
        pages('', boxLog('', LEAVES)),
        ...['(first: 1000000)', '(last: 1000000)'].flatMap((size) => [pages(size), `subscription ${eventPages(size)}`]),
      ];
      for (const document of documents) {
        expectRefused(await speak(ground, document), 'OPERATION_TOO_COSTLY', 'complexity');
      }
    }),
  },
  {
    threat: 'long texts again and again: an answer of 400 MB for 2 KB',
    limit: `a point for each ${FIELD_COSTS.textCharacters} characters that a text may have`,
    where: 'src/graphql/limits/field-costs.ts',
    runs: everywhere(async (speak, ground) => {
      const shelves = times(20, (n) => `p${n}: products(first: 100) { edges { node { ...F } } }`);
      for (const [text, few] of [
        ['description', 2],
        ['mediaUrls', 1],
      ] as const) {
        const fields = (count: number) => `fragment F on Product { ${times(count, (n) => `t${n}: ${text}`)} }`;
        const document = `{ ${shelves} } ${fields(30)}`;
        expectRefused(await speak(ground, document), 'OPERATION_TOO_COSTLY', 'complexity');
        const modest = `{ products(first: 100) { edges { node { ...F } } } } ${fields(few)}`;
        expect((await speak(ground, modest)).errors).toBeUndefined();
      }
    }),
  },
  {
    threat: 'more fields than any page shows',
    limit: `breadth ${COST_LIMITS.breadth.toLocaleString('en')}`,
    where: COST,
    runs: everywhere(async (speak, ground) => {
      const fields = (spread: string) =>
        `fragment F on PublicProfile { ${times(40, (n) => `f${n}: handle`)} } ${spread}`;
      const spreads = times(14, () => 'sender { ...F ...G }');
      const also = 'fragment G on PublicProfile { id displayName handle }';
      const document = `subscription { liveEvents(streamId: "x") { node { ... on GiftSent { ${times(2, () => spreads)} } } } } ${fields(also)}`;
      expectRefused(await speak(ground, document), 'OPERATION_TOO_COSTLY', 'breadth');
    }),
  },
  {
    threat: 'many wrong names, each compared with all that there are',
    limit: 'the first 20 errors',
    where: 'src/graphql/limits/read-document.ts',
    runs: everywhere(async (speak, ground) => {
      const document = `{ me { ${times(1_000, (n) => `nmae${n}`)} } }`;
      const { errors } = await speak(ground, document);
      expect(errors).toHaveLength(21);
      expect(errors!.at(-1)!.message).toMatch(/^Too many validation errors/);
    }),
  },
];
