import { createHash } from 'node:crypto';

/** Characters of an idempotency key, at the least and at the most. */
export const IDEMPOTENCY_KEY_LENGTH_MIN = 1;
export const IDEMPOTENCY_KEY_LENGTH_MAX = 64;

/**
 * Hash of an input, so that a replayed key can be told from a key used twice. Fields are sorted; bigints count as numbers.
 * @returns 64 hex digits (SHA-256)
 */
export function hashInput(input: Readonly<Record<string, string | number | bigint | boolean | null>>): string {
  const fields = Object.keys(input)
    .sort()
    .map((name) => [name, typeof input[name] === 'bigint' ? String(input[name]) : input[name]]);
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}
