import type { ExecutionResult } from 'graphql';

/** What one event is to all members of a group: executed once, serialised once. Keeps bytes, no objects: groups keep many. */
export class SharedResponse {
  /** What follows a member's own prefix in its `next` message: the result as graphql-ws writes it, and the closing brace. */
  readonly payload: Buffer;
  readonly #failed: ExecutionResult | undefined;

  constructor(result: ExecutionResult) {
    const { errors, ...rest } = result;
    const shown = errors ? { ...rest, errors: errors.map((error) => error.toJSON()) } : result;
    this.payload = Buffer.from(`${JSON.stringify(shown)}}`);
    // Yoga writes errors in a form of its own.
    this.#failed = errors && result;
  }

  /** The same for those who take results: Yoga writes the text that is there instead of serialising it again. */
  get result(): ExecutionResult & { stringify?: () => string } {
    return this.#failed ?? { stringify: () => this.payload.toString('utf8', 0, this.payload.length - 1) };
  }
}
