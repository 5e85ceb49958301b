import { ar } from './ar.ts';
import type { Dictionary, TextKey, TextValues } from './dictionary.ts';
import { en } from './en.ts';

/** The languages of the page. */
export const LANGUAGES = ['en', 'ar'] as const;
export type Language = (typeof LANGUAGES)[number];

const DICTIONARIES: Record<Language, Dictionary> = { en, ar };
/** What Intl formats with: Arabic with its own digits. */
const LOCALES: Record<Language, string> = { en: 'en', ar: 'ar-AE-u-nu-arab' };

/** Unicode's first strong isolate, and its end. */
const ISOLATE = '\u2068';
const ISOLATE_END = '\u2069';

/** Everything that the page writes in one language. */
export type Translator = {
  language: Language;
  locale: string;
  direction: 'ltr' | 'rtl';
  /** A text, with its values. */
  t: (key: TextKey, values?: TextValues) => string;
  number: (value: number) => string;
  /** Large numbers in short: 12K. */
  short: (value: number) => string;
  money: (price: { minorUnits: number; amount: string; currency: string }) => string;
  /** The time of day, such as that of a chat message. */
  time: (at: string) => string;
  date: (at: string) => string;
  percent: (share: number) => string;
  /** Seconds as 4:05. */
  clock: (seconds: number) => string;
};

/** Makes the translator of a language. */
export function createTranslator(language: Language): Translator {
  const locale = LOCALES[language];
  const dictionary = DICTIONARIES[language];
  const plurals = new Intl.PluralRules(locale);
  const numbers = new Intl.NumberFormat(locale);
  const shorts = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 });
  const percents = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
  const padded = new Intl.NumberFormat(locale, { minimumIntegerDigits: 2, useGrouping: false });
  const times = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit' });
  const dates = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit' });
  return {
    language,
    locale,
    direction: language === 'ar' ? 'rtl' : 'ltr',
    t: (key, values = {}) => {
      const text = dictionary[key];
      const zero = typeof text !== 'string' && values.count === 0 ? text.zero : undefined;
      const form =
        zero ?? (typeof text === 'string' ? text : (text[plurals.select(Number(values.count))] ?? text.other));
      return form.replace(/\{(\w+)\}/g, (_, name: string) => {
        const value = values[name];
        if (typeof value === 'number') return numbers.format(value);
        // A name runs in its own direction, and must not turn the sentence around.
        return value === undefined ? '' : `${ISOLATE}${value}${ISOLATE_END}`;
      });
    },
    number: (value) => numbers.format(value),
    short: (value) => shorts.format(value),
    money: ({ amount, currency }) =>
      new Intl.NumberFormat(locale, { style: 'currency', currency }).format(Number(amount)),
    time: (at) => times.format(new Date(at)),
    date: (at) => dates.format(new Date(at)),
    percent: (share) => percents.format(share),
    clock: (seconds) => {
      const [hours, rest] = [Math.floor(seconds / 3600), seconds % 3600];
      const minutes = Math.floor(rest / 60);
      const ending = padded.format(rest % 60);
      return hours > 0
        ? `${numbers.format(hours)}:${padded.format(minutes)}:${ending}`
        : `${numbers.format(minutes)}:${ending}`;
    },
  };
}
