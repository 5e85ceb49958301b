import { type ExecutionArgs, type ExecutionResult, getOperationAST, type OperationDefinitionNode } from 'graphql';
import { onReplica, REPLICA_LAG_MS_MAX, type Replica } from '../db/replica.ts';
import type { Meters } from '../kernel/instruments.ts';
import type { Changes } from '../live/changes.ts';
import type { Context } from './context.ts';
import type { MaybePromise } from './execution/execute-plan.ts';
import type { createJudge } from './public-fields.ts';

/** Viewers and topics that are remembered until the replica must have what they did. One more, and the primary is read for a while. */
const REMEMBERED_MAX = 10_000;

/** What of an execution decides where it reads. */
type Asked = Pick<ExecutionArgs, 'document' | 'operationName' | 'contextValue'>;

/** Executes an operation, reading from the replica where that does not show. */
export type ReplicaReads = (args: Asked, execute: () => MaybePromise<ExecutionResult>) => MaybePromise<ExecutionResult>;

/**
 * Sends queries to the replica where nobody can tell (docs/scaling.md, "Read replicas"):
 * - only queries of fields that are the same for everybody;
 * - not those of a viewer who has just changed something through this server, nor, while other servers cannot be heard, of
 *   anybody who is signed in;
 * - and an answer is thrown away, and read from the primary, when something that it shows has changed since the time up to which
 *   the replica had everything when the read began; or when it does not say what it shows; or when anything failed.
 * So nothing is ever answered, or kept, that is older than what was announced here.
 */
export function createReplicaReads(
  replica: Replica | undefined,
  deps: {
    isPublicQuery: ReturnType<typeof createJudge>;
    changes: Changes;
    hearsOthers: () => boolean;
    meters: Pick<Meters, 'replicaAnswers' | 'replicaDiscards'>;
  },
): ReplicaReads {
  if (!replica) return (_, execute) => execute();
  const changed = new Recent<string>();
  const writers = new Recent<bigint>();
  deps.changes.listen((topics) => {
    for (const topic of topics) changed.note(topic);
  });
  /** Those that do not say what they show: reading them twice each time would be a waste. */
  const silent = new WeakSet<OperationDefinitionNode>();

  /** Why an answer of the replica cannot be given; undefined when it can. */
  const whyNot = (result: ExecutionResult, shown: ReadonlySet<string>, freshAsOfMs: number) => {
    if (result.errors) return 'error';
    if (shown.size === 0) return 'silent';
    return [...shown].some((topic) => changed.isSince(topic, freshAsOfMs)) ? 'too old' : undefined;
  };

  const fromReplica = async (
    operation: OperationDefinitionNode,
    context: Context,
    freshAsOfMs: number,
    execute: () => MaybePromise<ExecutionResult>,
  ): Promise<ExecutionResult> => {
    const shown = context.shown ?? new Set<string>();
    context.shown = shown;
    const result = await onReplica(async () => execute());
    const why = whyNot(result, shown, freshAsOfMs);
    if (why === undefined) {
      deps.meters.replicaAnswers++;
      return result;
    }
    deps.meters.replicaDiscards.add(why);
    if (why === 'error') replica.suspect();
    if (why === 'silent') silent.add(operation);
    shown.clear();
    return execute();
  };
  return (args, execute) => {
    const context = args.contextValue as Context;
    const operation = getOperationAST(args.document, args.operationName);
    if (!operation) return execute();
    if (operation.operation === 'mutation') {
      const { actor } = context;
      if (!actor) return execute();
      writers.note(actor.id); // while it runs, too: the replica may be asked before it is answered
      return Promise.resolve(execute()).finally(() => writers.note(actor.id));
    }
    const freshAsOfMs = replica.freshAsOfMs;
    if (freshAsOfMs === undefined || silent.has(operation)) return execute();
    if (context.actor && (writers.isSince(context.actor.id, freshAsOfMs) || !deps.hearsOthers())) return execute();
    if (!deps.isPublicQuery(args.document, args.operationName)) return execute();
    return fromReplica(operation, context, freshAsOfMs, execute);
  };
}

/** When things were last noted, for as long as that may matter. Forgets nothing earlier: with too many, all count as just noted. */
class Recent<Key> {
  readonly #notedMs = new Map<Key, number>();
  #overflowMs = Number.NEGATIVE_INFINITY;

  note(key: Key): void {
    const nowMs = performance.now();
    this.#notedMs.delete(key);
    this.#notedMs.set(key, nowMs);
    for (const [oldest, notedMs] of this.#notedMs) {
      if (nowMs - notedMs <= REPLICA_LAG_MS_MAX) break;
      this.#notedMs.delete(oldest); // a replica that has not got it is too far behind to be read
    }
    if (this.#notedMs.size <= REMEMBERED_MAX) return;
    this.#notedMs.clear();
    this.#overflowMs = nowMs;
  }

  /** Whether it was noted at that time or later. */
  isSince(key: Key, timeMs: number): boolean {
    return Math.max(this.#notedMs.get(key) ?? Number.NEGATIVE_INFINITY, this.#overflowMs) >= timeMs;
  }
}
