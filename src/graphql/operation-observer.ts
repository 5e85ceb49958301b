import { type DocumentNode, type ExecutionResult, getOperationAST, Kind, type OperationDefinitionNode } from 'graphql';
import { type Instruments, type OperationMeter, OTHER, type Span } from '../kernel/instruments.ts';
import type { Context } from './context.ts';
import { isPromise, type MaybePromise } from './execution/execute-plan.ts';

/** An operation with several root fields. */
const SEVERAL_FIELDS = 'several';
/** The code of what ended without an error, and of an error that brings no code. */
const CODE_OK = 'OK';
const CODE_NONE = 'GRAPHQL_ERROR';

/** What is executed. */
export type ObservedOperation = { document: DocumentNode; operationName?: string | null | undefined };

/** Counts, times and traces operations, the same over HTTP, SSE and WebSocket. */
export type OperationObserver = {
  /** @param execute the operation, a refusal by the rate limits included; or the opening of a subscription */
  observe: <Result>(
    asked: ObservedOperation,
    context: Context,
    execute: () => MaybePromise<Result>,
  ) => MaybePromise<Result>;
  /** Counts an operation that is not executed: its text is wrong, or there are too many. */
  refused: (code: unknown) => void;
};

type Known = { meter: OperationMeter; title: string; attributes: Record<string, string> };

/**
 * Clients choose names and could make up any number of them. What is counted under its own name is therefore the root field,
 * of which the schema has so many; and the operation's name only if it is among the documents that were registered.
 * @param knownNames of registered operations
 */
export function createOperationObserver(
  instruments: Instruments,
  knownNames: ReadonlySet<string> = new Set(),
): OperationObserver {
  const { meters } = instruments;
  const known = new WeakMap<OperationDefinitionNode, Known>();
  const look = (operation: OperationDefinitionNode): Known => {
    let found = known.get(operation);
    if (!found) {
      const kind = operation.operation;
      const field = rootFieldOf(operation);
      const name = operation.name && knownNames.has(operation.name.value) ? operation.name.value : OTHER;
      found = {
        meter: meters.operations.of(`${kind} ${field} ${name}`),
        title: `GraphQL ${kind} ${field}`,
        attributes: { 'graphql.operation.type': kind, 'graphql.root.field': field, 'graphql.operation.name': name },
      };
      known.set(operation, found);
    }
    return found;
  };
  return {
    observe: (asked, context, execute) => {
      const operation = getOperationAST(asked.document, asked.operationName);
      if (!operation) return execute();
      const { meter, title, attributes } = look(operation);
      const startMs = performance.now();
      const note = (code: string, span: Span | undefined) => {
        meter.seconds.observe((performance.now() - startMs) / 1000);
        meter.codes.set(code, (meter.codes.get(code) ?? 0) + 1);
        if (code !== CODE_OK) span?.set('graphql.error.code', code);
      };
      const run = (span: Span | undefined) => {
        const result = execute();
        if (!isPromise(result)) {
          note(codeOf(result, context), span);
          return result;
        }
        return result.then((settled) => {
          note(codeOf(settled, context), span);
          return settled;
        });
      };
      if (!instruments.followsRequests) return run(undefined);
      const { requestId, traceparent } = context;
      return instruments.within({ requestId, span: instruments.cause?.span }, () =>
        instruments.span(
          title,
          { parent: traceparent, attributes: { ...attributes, ...(requestId && { requestId }) } },
          run,
        ),
      );
    },
    refused: (code) => meters.refusedOperations.add(typeof code === 'string' ? code : CODE_NONE),
  };
}

function rootFieldOf({ selectionSet }: OperationDefinitionNode): string {
  const [first, ...others] = selectionSet.selections.filter(
    (selection) => selection.kind !== Kind.FIELD || selection.name.value !== '__typename',
  );
  if (!first || others.length > 0 || first.kind !== Kind.FIELD) return SEVERAL_FIELDS;
  return first.name.value;
}

function codeOf(result: unknown, { outcome }: Context): string {
  const errors = (result as ExecutionResult | null)?.errors;
  if (!errors) return outcome ?? CODE_OK;
  const code = errors[0]?.extensions?.code;
  return typeof code === 'string' ? code : CODE_NONE;
}
