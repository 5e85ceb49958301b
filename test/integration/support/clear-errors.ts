/** What a client may see of an error. */
import { expect } from 'vitest';
import type { WireError } from '../../support/feed.ts';

/** Words that only somebody inside would use. */
const INTERNALS =
  /Unexpected error|prisma|postgres|\bsql\b|violates|constraint|node_modules|\.ts:\d|stack|econn|cannot read prop|select .* from/i;

/** Asserts that a request was refused for a reason that its author can understand, and that nothing else shows. */
export function expectClearErrors(errors: readonly WireError[] | undefined, reason?: RegExp | string): void {
  expect(errors?.length, 'the request is refused').toBeGreaterThan(0);
  expect(JSON.stringify(errors)).not.toMatch(INTERNALS);
  if (typeof reason === 'string') expect(errors!.map((error) => error.extensions?.code)).toEqual([reason]);
  else if (reason) expect(errors![0]!.message).toMatch(reason);
}

/** Asserts that an unexpected error says that it was one, and nothing else. */
export function expectMasked(errors: readonly WireError[] | undefined): void {
  expect(errors?.map(({ message, extensions }) => ({ message, extensions }))).toEqual([
    { message: 'Unexpected error.', extensions: { code: 'INTERNAL_SERVER_ERROR' } },
  ]);
}
