import type { TextKey } from '../i18n/dictionary.ts';
import type { Translator } from '../i18n/translate.ts';

/** Gifts that are sold from the start, and so have a name in every language. */
const NAMED = new Map<string, TextKey>([
  ['Rose', 'gift.Rose'],
  ['Ice Cream', 'gift.IceCream'],
  ['Heart', 'gift.Heart'],
  ['Fireworks', 'gift.Fireworks'],
  ['Galaxy', 'gift.Galaxy'],
  ['Lion', 'gift.Lion'],
]);

/** The name of a gift in the language of the page, where it has one. */
export function giftName(t: Translator['t'], name: string): string {
  const key = NAMED.get(name);
  return key ? t(key) : name;
}
