import { useCallback, useState } from 'react';
import type { AnyVariables, TypedDocumentNode } from 'urql';
import { perform, type Success } from '../api/perform.ts';
import type { Problem } from '../api/problem.ts';
import { useProblems } from './problems.tsx';

/** Something that a press does: `run` returns what came of it, or undefined when it is said what went wrong. */
export type Action<Data, Variables> = {
  busy: boolean;
  run: (variables: Variables) => Promise<Success<Data> | undefined>;
};

/**
 * A mutation behind a button: one at a time, and what goes wrong is said.
 * @param onDone called after each success
 */
export function useAction<Data extends object, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  onDone?: () => void,
): Action<Data, Variables> {
  const problems = useProblems();
  const [busy, setBusy] = useState(false);
  const run = useCallback(
    async (variables: Variables) => {
      setBusy(true);
      const outcome = await perform(document, variables);
      setBusy(false);
      if (!outcome.ok) {
        problems.show(outcome.problem as Problem);
        return undefined;
      }
      problems.clear();
      onDone?.();
      return outcome.value;
    },
    [document, problems, onDone],
  );
  return { busy, run };
}
