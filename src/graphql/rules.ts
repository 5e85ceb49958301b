import { z } from 'zod';
import { IDEMPOTENCY_KEY_LENGTH_MAX, IDEMPOTENCY_KEY_LENGTH_MIN } from '../kernel/idempotency.ts';
import { isReadable, isStorable, NOT_READABLE } from '../kernel/text.ts';
import { toRowId } from './global-id.ts';

/** Cursors of lists: in the order of their ids, as Pothos makes them from a bigint, and in that of a number and then their ids. */
export const ID_CURSOR = /^GPC:I:(\d+)$/;
export const NUMBER_CURSOR = /^GPC:K:(\d{1,18}):(\d+)$/;
export const NOT_A_CURSOR = 'Is not a cursor of this list.';

/** Rules for inputs that more than one domain has. Pure: they run before authorisation. */
export const rules = {
  /** All rules of an input type together, so that everything that is wrong with an input is said at once. */
  input: (fields: Record<string, z.ZodType>) => z.looseObject(fields),
  idempotencyKey: z
    .string()
    .min(IDEMPOTENCY_KEY_LENGTH_MIN, 'An idempotency key must not be empty.')
    .max(IDEMPOTENCY_KEY_LENGTH_MAX, `An idempotency key has ${IDEMPOTENCY_KEY_LENGTH_MAX} characters at the most.`)
    .refine(isStorable, 'An idempotency key must be Unicode text without NUL.'),
  /** Text to look something up by. */
  lookup: z.string().refine(isStorable, 'Must be Unicode text without NUL.'),
  /** Text for people: trimmed, not empty, readable, no longer than `lengthMax` characters. */
  text: (lengthMax: number) =>
    z
      .string()
      .trim()
      .min(1, 'Must not be empty.')
      .refine((text) => [...text].length <= lengthMax, `Has ${lengthMax} characters at the most.`)
      .refine(isStorable, 'Must be Unicode text without NUL.')
      .refine((text) => text === '' || !isStorable(text) || isReadable(text), NOT_READABLE),
  /** A whole number from 1 to `max`. */
  count: (max: number) => z.number().int().min(1, 'Must be at least 1.').max(max, `Must be ${max} at the most.`),
  /** How many items of a list are wanted; more than a page holds is no error. */
  pageSize: z.number().int().min(0, 'Must not be negative.'),
  /** A cursor of some list of rows; each list then looks whether it is one of its own. */
  rowCursor: z.string().refine((cursor) => {
    const text = Buffer.from(cursor, 'base64').toString();
    const id = (ID_CURSOR.exec(text) ?? NUMBER_CURSOR.exec(text))?.at(-1);
    return id !== undefined && toRowId(id) !== undefined;
  }, NOT_A_CURSOR),
};
