import type { AnyVariables, TypedDocumentNode } from 'urql';
import { client } from './client.ts';
import { renewSession } from './session.ts';

export { newKey } from './key.ts';

/** How often an operation without an answer is sent again, always with the same idempotency key. */
const ATTEMPTS_MAX = 3;
const RETRY_WAIT_MS = 600;

/** Nothing came back, or no answer of GraphQL: whether it was done is not known. Sending it again with its key is safe. */
export type NoAnswer = { __typename: 'NoAnswer' };

/** The one field of a mutation. */
type Result<Data> = Exclude<Data[keyof Data], string | undefined>;
/** What a mutation answers when it succeeds. */
export type Success<Data> = Extract<Result<Data>, { __typename: `${string}Success` }>;
/** What it answers when it does not. */
export type Failure<Data> = Exclude<Result<Data>, { __typename: `${string}Success` }> | NoAnswer;

/** What came of a mutation. */
export type Outcome<Data> = { ok: true; value: Success<Data> } | { ok: false; problem: Failure<Data> };

/**
 * Runs a mutation of one field. While there is no answer it is tried again: give it an idempotency key where a repeat would
 * do harm, made once for what the person wants.
 */
export async function perform<Data extends object, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Outcome<Data>> {
  for (let attempt = 1; ; attempt++) {
    const { data } = await client.mutation(document, variables).toPromise();
    if (data) {
      const [result] = Object.values(data) as [Result<Data>];
      const { __typename } = result as { __typename: string };
      // The server no longer takes a token that has not ended, such as that of a database that was set up anew.
      if (__typename === 'NotSignedInError' && attempt === 1 && (await renewSession())) continue;
      const succeeded = __typename.endsWith('Success');
      return succeeded
        ? { ok: true, value: result as Success<Data> }
        : { ok: false, problem: result as Exclude<Result<Data>, { __typename: `${string}Success` }> };
    }
    if (attempt >= ATTEMPTS_MAX) return { ok: false, problem: { __typename: 'NoAnswer' } };
    await new Promise((resolve) => setTimeout(resolve, RETRY_WAIT_MS * attempt));
  }
}
