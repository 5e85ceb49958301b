import { complexityFromQuery } from '@pothos/plugin-complexity';
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  Kind,
  type OperationDefinitionNode,
  visit,
} from 'graphql';
import { SIZE_ARGUMENTS } from './field-costs.ts';

/** What one operation may cost, on every transport: see `field-costs.ts` for what fields cost. */
export const COST_LIMITS = {
  /**
   * Fields, times the items of the lists and pages that they are in. A page of 100 events with all that events of all types have
   * comes to 80,000, as each is taken to be of all types.
   */
  complexity: 120_000,
  /** Fields that are selected, over all levels. */
  breadth: 1_000,
  /** Levels of fields. */
  depth: 16,
} as const;

/**
 * What an operation that costs too much, or that cannot be costed, takes of the budgets: nothing is executed, but the cost had
 * to be worked out.
 */
export const REFUSED_COST = 6_000;

/** Combinations of page sizes whose cost is remembered for one operation. */
const KNOWN_SIZES_MAX = 64;

/** What is to be executed. The document is valid. */
export type ToCost = {
  document: DocumentNode;
  operationName?: string | null | undefined;
  variableValues?: { readonly [name: string]: unknown } | null | undefined;
};

type Cost = { complexity: number; breadth: number; depth: number };
/** The verdict on an operation, by the values of its variables that say how many items are wanted. */
type Judged = { operation: OperationDefinitionNode; sizes: readonly string[]; verdicts: Map<string, Verdict> };

/** Why an operation must not be executed, if it must not, and what it takes of the budgets. */
export type Verdict = { error: GraphQLError | undefined; points: number };

/** There is nothing to execute, or the execution refuses it before it begins. */
const NOTHING: Verdict = { error: undefined, points: 0 };

/** Costs operations. Nearly free for what was asked before. */
export function createCostLimit(
  schema: GraphQLSchema,
  maskError: (error: unknown) => Error,
): (asked: ToCost) => Verdict {
  const known = new WeakMap<DocumentNode, Map<string, Judged>>();
  const judgedOf = (document: DocumentNode, name: string | null | undefined): Judged | undefined => {
    const ofDocument = known.get(document) ?? new Map<string, Judged>();
    known.set(document, ofDocument);
    let judged = ofDocument.get(name ?? '');
    if (!judged) {
      const operation = getOperationAST(document, name);
      if (!operation) return undefined;
      judged = { operation, sizes: sizeVariables(document), verdicts: new Map() };
      ofDocument.set(name ?? '', judged);
    }
    return judged;
  };
  return ({ document, operationName, variableValues }) => {
    const judged = judgedOf(document, operationName);
    if (!judged) return NOTHING;
    const { operation, sizes, verdicts } = judged;
    const key = sizes.length === 0 ? '' : keyOf(sizes, variableValues);
    const verdict = verdicts.get(key);
    if (verdict) return verdict;
    const values = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues ?? {});
    if (!values.coerced) return NOTHING;
    let cost: Cost;
    try {
      cost = costOf(schema, document, operation, variableValues ?? {});
    } catch (error) {
      // Arguments that break a rule, or that a variable leaves without a value. What cannot be costed is not executed.
      return { error: maskError(error) as GraphQLError, points: REFUSED_COST };
    }
    const error = exceededBy(cost);
    const fresh = { error, points: error ? REFUSED_COST : cost.complexity };
    if (verdicts.size >= KNOWN_SIZES_MAX) verdicts.clear();
    verdicts.set(key, fresh);
    return fresh;
  };
}

/** What an operation costs. `@skip` and `@include` are not looked at: what they may leave out counts. */
export function costOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: { readonly [name: string]: unknown },
): Cost {
  const fragments = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
  // The plugin costs the first operation of a document.
  const alone = { kind: Kind.DOCUMENT, definitions: [operation, ...fragments] } as const;
  return complexityFromQuery(alone, { schema, variables });
}

function exceededBy(cost: Cost): GraphQLError | undefined {
  for (const limit of ['depth', 'breadth', 'complexity'] as const) {
    const max = COST_LIMITS[limit];
    if (cost[limit] <= max) continue;
    return new GraphQLError(
      `The operation has a ${limit} of ${cost[limit]}, and ${max} is the most. Ask for less, or for shorter pages.`,
      { extensions: { code: 'OPERATION_TOO_COSTLY', limit, max, cost: cost[limit] } },
    );
  }
  return undefined;
}

/** Variables that say, anywhere in the document, how many items are wanted. */
function sizeVariables(document: DocumentNode): string[] {
  const names = new Set<string>();
  visit(document, {
    Argument: ({ name, value }) => {
      if (value.kind === Kind.VARIABLE && SIZE_ARGUMENTS.includes(name.value)) names.add(value.name.value);
    },
  });
  return [...names];
}

/** Sizes are numbers or nothing; anything else is refused before it would be executed. */
function keyOf(names: readonly string[], values: ToCost['variableValues']): string {
  return names.map((name) => sizeText(values?.[name])).join();
}

function sizeText(value: unknown): string {
  return typeof value === 'number' || value == null ? String(value) : typeof value;
}
