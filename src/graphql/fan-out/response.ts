import type { ExecutionResult } from 'graphql';

/** What one event is to all members of a group: executed once, serialised once. */
export class SharedResponse {
  /** What follows a member's own prefix in its `next` message: the result as graphql-ws writes it, and the closing brace. */
  readonly payload: Buffer;
  /** The same for those who take results; Yoga writes the text that is there instead of serialising it again. */
  readonly result: ExecutionResult & { stringify?: () => string };

  constructor(result: ExecutionResult) {
    const { errors, ...rest } = result;
    const text = JSON.stringify(errors ? { ...rest, errors: errors.map((error) => error.toJSON()) } : rest);
    this.payload = Buffer.from(`${text}}`);
    // Yoga writes errors in a form of its own.
    this.result = errors ? result : { ...result, stringify: () => text };
  }
}
