import { z } from 'zod';
import { IDEMPOTENCY_KEY_LENGTH_MAX, IDEMPOTENCY_KEY_LENGTH_MIN } from '../kernel/idempotency.ts';

/** Rules for inputs that more than one domain has. Pure: they run before authorisation. */
export const rules = {
  idempotencyKey: z
    .string()
    .min(IDEMPOTENCY_KEY_LENGTH_MIN, 'An idempotency key must not be empty.')
    .max(IDEMPOTENCY_KEY_LENGTH_MAX, `An idempotency key has ${IDEMPOTENCY_KEY_LENGTH_MAX} characters at the most.`)
    // Postgres text holds no NUL.
    .refine((key) => !key.includes('\0'), 'An idempotency key must not contain NUL.'),
  /** Text for people: trimmed, not empty, no longer than `lengthMax` characters. */
  text: (lengthMax: number) =>
    z
      .string()
      .trim()
      .min(1, 'Must not be empty.')
      .refine((text) => [...text].length <= lengthMax, `Has ${lengthMax} characters at the most.`)
      .refine((text) => !text.includes('\0'), 'Must not contain NUL.'),
  /** A whole number from 1 to `max`. */
  count: (max: number) => z.number().int().min(1, 'Must be at least 1.').max(max, `Must be ${max} at the most.`),
};
