/**
 * States what must be true for the code to be right. Not for bad input: that is a DomainError.
 * @throws {Error} when it is not
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
