/** Whether Postgres can hold the text: it takes neither NUL nor half of a surrogate pair. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}

/**
 * Control characters but for tabs and line breaks, and what overrides the direction of a text, also of what follows it. Marks and
 * isolates of direction are fine: Arabic needs them.
 */
const DECEIVING = /(?![\t\n\r])\p{Cc}|[\u202a-\u202e]/gu;
/** Spaces, and what takes no ink by itself. */
const INVISIBLE = /[\p{Z}\p{Cc}\p{Cf}\p{M}\u115f\u1160\u2800\u3164\uffa0]/gu;

/** Whether people read what the text is: something can be seen, and nothing makes it look like something else. */
export function isReadable(text: string): boolean {
  return text.search(DECEIVING) === -1 && text.replace(INVISIBLE, '') !== '';
}

/** The text without what deceives; empty when nothing can be seen then. */
export function toReadable(text: string): string {
  const plain = text.replace(DECEIVING, '').trim();
  return isReadable(plain) ? plain : '';
}

/** Why a text is refused that is not readable. */
export const NOT_READABLE = 'Must be text that people can read, without control characters or overrides of direction.';

const COUNTRY_NAMES = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });
/** Codes that CLDR names and no parcel goes to: unions of countries, and those that stand for none. */
const NO_COUNTRIES = new Set(['EU', 'EZ', 'QO', 'UN', 'XA', 'XB', 'ZZ']);

/** Whether a text is the ISO 3166-1 alpha-2 code of a country, in capital letters. */
export function isCountry(code: string): boolean {
  return /^[A-Z]{2}$/.test(code) && !NO_COUNTRIES.has(code) && COUNTRY_NAMES.of(code) !== undefined;
}
