import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  type OperationDefinitionNode,
  type OperationTypeNode,
} from 'graphql';
import { Lru } from '../kernel/lru.ts';
import { executePlan, isPromise, type MaybePromise } from './execution/execute-plan.ts';
import { planOf } from './execution/plan.ts';
import { createCostLimit, type ToCost, type Verdict } from './limits/cost.ts';
import { type Openness, type ReadDocument, readDocument } from './limits/read-document.ts';

/**
 * Characters of query text that are kept parsed, over all documents. Ordinary ones take about 60 bytes of memory for each, the
 * worst that fit the schema about 350; so it is the text that is bounded, and a million different documents change nothing.
 */
const CACHED_CHARACTERS_MAX = 256 * 1024;
/** A longer document is read for every request: hand-written ones are far shorter, and one must not push out all others. */
export const CACHED_DOCUMENT_CHARACTERS_MAX = 16 * 1024;
/** What a document takes however short it is, in characters. */
const DOCUMENT_OVERHEAD_CHARACTERS = 64;

/** What one execution brings. */
export type ExecutionInput = {
  contextValue?: unknown;
  variableValues?: { readonly [name: string]: unknown } | null | undefined;
  /** The same, coerced; for who executes an operation with the same variables again and again. */
  coercedValues?: Record<string, unknown> | undefined;
  rootValue?: unknown;
};

/** An operation that can be executed any number of times. */
export type PreparedOperation = {
  errors?: undefined;
  kind: OperationTypeNode;
  document: DocumentNode;
  operation: OperationDefinitionNode;
  /** Executes a query or mutation; of a subscription, the selection for one event, which is the root value. Errors are masked. */
  execute: (input: ExecutionInput) => MaybePromise<ExecutionResult>;
};

/** A text that is no GraphQL, does not fit the schema, or has no such operation. */
export type RefusedOperation = { errors: readonly GraphQLError[] };

/** Says why a text that is not known is not read. */
export type MayRead = (text: string) => GraphQLError | undefined;

/** Parses, validates and executes; HTTP and WebSocket share one. */
export type Operations = {
  /**
   * Parses and validates a text, or remembers.
   * @param mayRead asked when the text is not known: why it is not read
   */
  read: (text: string, mayRead?: MayRead) => ReadDocument;
  /** As `read`, but a text that is right is remembered for ever: for documents that the operator chose. */
  keep: (text: string) => ReadDocument;
  /** The operation of the text with this name; without a name, the only one. */
  prepare: (text: string, operationName?: string | null, mayRead?: MayRead) => PreparedOperation | RefusedOperation;
  /** What an operation of a valid document costs with these variables, and whether that is too much to execute or open it. */
  costOf: (asked: ToCost) => Verdict;
  /** Executes an operation of a document that is valid, whoever parsed it. Errors are masked. */
  execute: (
    args: Omit<ExecutionArgs, 'schema'> & Pick<ExecutionInput, 'coercedValues'>,
  ) => MaybePromise<ExecutionResult>;
};

/** What a client may see of an error; hears of every error once, and whose operation it is. */
type MaskError = (error: unknown, contextValue?: unknown) => Error;

/**
 * @param options.maskError what a client may see of an error; hears of every error once
 * @param options.introspection false: nobody may ask for the schema, or is told names that they did not know
 */
export function createOperations({
  introspection = true,
  ...options
}: { schema: GraphQLSchema; maskError: MaskError } & Partial<Openness>): Operations {
  const { schema } = options;
  const { read, keep } = createReader(schema, { introspection });
  /** By document, then by operation name. Goes with the document. */
  const prepared = new WeakMap<DocumentNode, Map<string | null, PreparedOperation>>();

  const prepareDocument = (document: DocumentNode, name: string | null): PreparedOperation | undefined => {
    const ofDocument = prepared.get(document) ?? new Map<string | null, PreparedOperation>();
    prepared.set(document, ofDocument);
    const known = ofDocument.get(name);
    if (known) return known;
    const operation = getOperationAST(document, name);
    if (!operation) return undefined;
    const fresh = prepareOperation(options, document, operation);
    ofDocument.set(name, fresh);
    return fresh;
  };
  const prepare = (text: string, name: string | null = null, mayRead?: MayRead) => {
    const { document, errors } = read(text, mayRead);
    if (!document || errors.length > 0) return { errors };
    return prepareDocument(document, name) ?? { errors: [noSuchOperation()] };
  };
  return {
    read,
    keep,
    prepare,
    costOf: createCostLimit(schema, options.maskError),
    execute: (args) =>
      prepareDocument(args.document, args.operationName ?? null)?.execute(args) ?? { errors: [noSuchOperation()] },
  };
}

function prepareOperation(
  { schema, maskError }: { schema: GraphQLSchema; maskError: MaskError },
  document: DocumentNode,
  operation: OperationDefinitionNode,
): PreparedOperation {
  const masked = (result: ExecutionResult, contextValue: unknown): ExecutionResult =>
    result.errors
      ? { ...result, errors: result.errors.map((error) => maskError(error, contextValue) as GraphQLError) }
      : result;
  const plan = planOf(schema, document, operation);
  const operationName = operation.name?.value;
  return {
    kind: operation.operation,
    document,
    operation,
    execute: (input) => {
      const result = plan ? executePlan(plan, input) : execute({ ...input, schema, document, operationName });
      const { contextValue } = input;
      return isPromise(result) ? result.then((settled) => masked(settled, contextValue)) : masked(result, contextValue);
    },
  };
}

function createReader(schema: GraphQLSchema, openness: Openness): Pick<Operations, 'read' | 'keep'> {
  const cache = new Lru<ReadDocument>(CACHED_CHARACTERS_MAX);
  const kept = new Map<string, ReadDocument>();
  const read = (text: string, mayRead?: MayRead): ReadDocument => {
    const known = kept.get(text) ?? cache.get(text);
    if (known) return known;
    const refusal = mayRead?.(text);
    if (refusal) return { document: undefined, errors: [refusal] };
    const fresh = readDocument(schema, text, openness);
    // What is refused is not kept: a hundred errors outweigh their text.
    if (fresh.errors.length === 0 && text.length <= CACHED_DOCUMENT_CHARACTERS_MAX) {
      cache.set(text, fresh, text.length + DOCUMENT_OVERHEAD_CHARACTERS);
    }
    return fresh;
  };
  const keep = (text: string): ReadDocument => {
    const document = read(text);
    if (document.errors.length === 0) kept.set(text, document);
    return document;
  };
  return { read, keep };
}

function noSuchOperation(): GraphQLError {
  return new GraphQLError('Unable to identify operation');
}
