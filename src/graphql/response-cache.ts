import type { ExecutionResult, GraphQLSchema } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Changes } from '../live/changes.ts';
import type { Context } from './context.ts';
import { KeptAnswers, type KeptAnswersOptions } from './kept-answers.ts';
import { createJudge } from './public-fields.ts';

/** What Yoga adds to our context over HTTP. */
type HttpContext = Context & {
  req?: { headers: { authorization?: string } };
  params?: { query?: string | null; operationName?: string | null; variables?: object | null };
};

/**
 * Keeps the answers to public queries of people who are not signed in, in memory, until what they show changes. An answer is
 * kept only when every selected field is marked public, some field said what it shows (`Context.shown`), and nothing failed.
 * Whoever sends a token neither fills the cache nor is served from it. To clients it does not show: no header tells of it, as
 * no client could do the same: it hears of no change.
 *
 * In memory and not in Redis: a hit that asks Redis costs what the read of a page costs, and Redis would need the same
 * messages. Not `@graphql-yoga/plugin-response-cache`: it finds what to drop by the ids in an answer, so that a count or a
 * list, which a new stream changes, is never dropped; it cannot tell that an answer was read before a change; it rewrites
 * every document to ask for ids, and adds an ETag that is the same for every change.
 */
export function useResponseCache(schema: GraphQLSchema, changes: Changes, options: KeptAnswersOptions = {}): Plugin {
  const answers = new KeptAnswers(options);
  changes.listen((topics) => answers.change(topics));
  const isPublicQuery = createJudge(schema);
  return {
    onExecute({ args, setResultAndStopExecution }) {
      const context = args.contextValue as unknown as HttpContext;
      if (!isAnonymous(context) || !isPublicQuery(args.document, args.operationName)) return undefined;
      const key = keyOf(context);
      const known = key === undefined ? undefined : answers.get(key);
      if (known !== undefined) {
        setResultAndStopExecution(asResult(known));
        return undefined;
      }
      if (key === undefined) return undefined;
      const reading = answers.begin();
      const shown = new Set<string>();
      context.shown = shown;
      return {
        onExecuteDone({ result, setResult }) {
          if (!isComplete(result) || shown.size === 0) return;
          const text = JSON.stringify(result);
          answers.keep(key, reading, text, [...shown]);
          setResult(asResult(text));
        },
      };
    },
  };
}

function isAnonymous({ actor, req }: HttpContext): boolean {
  return actor === undefined && req !== undefined && req.headers.authorization === undefined;
}

/** Data, all of it, and nothing beside it. */
function isComplete(result: unknown): boolean {
  const { data, errors, extensions } = result as ExecutionResult;
  return data != null && errors === undefined && extensions === undefined;
}

/** A result that Yoga sends as it stands. */
function asResult(text: string): ExecutionResult {
  return { stringify: () => text } as ExecutionResult;
}

/** The request, in full: two that differ in anything have keys of their own. */
function keyOf({ params }: HttpContext): string | undefined {
  if (!params?.query) return undefined;
  try {
    return JSON.stringify([params.query, params.operationName ?? null, params.variables ?? null]);
  } catch (error) {
    if (error instanceof RangeError) return undefined; // variables that go deeper than the stack: executed, and not kept
    throw error;
  }
}
