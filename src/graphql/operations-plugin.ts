import type { IncomingMessage } from 'node:http';
import { type DocumentNode, type ExecutionArgs, type ExecutionResult, GraphQLError, getOperationAST } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from './context.ts';
import { isPromise, type MaybePromise } from './execution/execute-plan.ts';
import type { OperationObserver } from './operation-observer.ts';
import type { Operations } from './operations.ts';
import { type RateLimits, refusalResult } from './rate-limit.ts';
import type { ReplicaReads } from './replica-reads.ts';

/** Makes Yoga parse, validate and execute with the operations that the WebSocket uses too, within the rate limits. */
export function useOperations(
  operations: Operations,
  limits: RateLimits,
  reads: ReplicaReads,
  observer: OperationObserver,
): Plugin {
  const execute = (args: ExecutionArgs): MaybePromise<ExecutionResult> => {
    const result = reads(args, () => operations.execute(args));
    return isPromise(result) ? result.then(refused) : refused(result);
  };
  const errorsOf = new WeakMap<DocumentNode, readonly GraphQLError[]>();
  return {
    onParse({ context, setParseFn }) {
      const { req } = context as unknown as { req: IncomingMessage };
      const mayRead = (text: string) => limits.refuseReading(limits.networkOf(req), text);
      setParseFn((source: string | { body: string }) => {
        const { document, errors } = operations.read(typeof source === 'string' ? source : source.body, mayRead);
        for (const { extensions } of errors.slice(0, 1)) observer.refused(extensions.code);
        if (!document) throw withHttp(errors[0]!);
        errorsOf.set(document, errors);
        return document;
      });
    },
    onValidate({ params, setResult }) {
      const errors = errorsOf.get(params.documentAST);
      if (errors) setResult(errors.map((error) => withHttp(error)));
    },
    onExecute({ setExecuteFn }) {
      setExecuteFn((args: ExecutionArgs) => {
        const context = args.contextValue as Context;
        return observer.observe(args, context, () => {
          const { error, points } = operations.costOf(args);
          const costly = error && { errors: [withHttp(error, { status: 400 })] };
          const admission = limits.admit(context, args, points);
          if (!admission) return costly ?? execute(args);
          return admission.then((refusal) => {
            if (refusal && (costly || getOperationAST(args.document, args.operationName)?.operation !== 'mutation')) {
              return refusalResult(refusal);
            }
            context.refusal = refusal; // mutations say it in their unions
            return costly ?? execute(args);
          });
        });
      });
    },
  };
}

/** Variables that do not fit: nothing was executed, and the status says so. */
function refused(result: ExecutionResult): ExecutionResult {
  if (!result.errors || 'data' in result) return result;
  return { errors: result.errors.map((error) => withHttp(error, { status: 400 })) };
}

/** A copy, for Yoga to note on it what status it asks for: a WebSocket has none. */
function withHttp({ message, nodes, source, positions, extensions }: GraphQLError, http?: object): GraphQLError {
  return new GraphQLError(message, {
    nodes,
    source,
    positions,
    extensions: { ...extensions, ...(http && { http }) },
  });
}
