/** Both languages say everything, with the same values, and with the plurals that they have. */
import { expect, test } from 'vitest';
import { ar } from '../../../examples/live-room/src/i18n/ar.ts';
import type { Text, TextKey } from '../../../examples/live-room/src/i18n/dictionary.ts';
import { en } from '../../../examples/live-room/src/i18n/en.ts';
import { createTranslator } from '../../../examples/live-room/src/i18n/translate.ts';

const keys = Object.keys(en) as TextKey[];
const formsOf = (text: Text) => Object.values(typeof text === 'string' ? { other: text } : text);
const valuesOf = (text: Text) => new Set(formsOf(text).flatMap((form) => form.match(/\{\w+\}/g) ?? []));

test('the dictionaries have the same keys, and no text is empty', () => {
  expect(Object.keys(ar).sort()).toEqual([...keys].sort());
  for (const text of [...Object.values(en), ...Object.values(ar)]) {
    for (const form of formsOf(text as Text)) expect(form.trim()).not.toBe('');
  }
});

test.each(keys)('%s has the same values in both languages', (key) => {
  expect(valuesOf(ar[key])).toEqual(valuesOf(en[key]));
});

test('Arabic texts are Arabic, but for the name of the other language', () => {
  // What is put in is of any script, and of some texts there is nothing else.
  const own = (form: string) => form.replaceAll(/\{\w+\}/g, '');
  const hasLetters = (form: string) => /\p{L}/u.test(own(form));
  const latin = keys.filter((key) =>
    formsOf(ar[key]).some((form) => hasLetters(form) && !/\p{Script=Arabic}/u.test(own(form))),
  );
  expect(latin).toEqual(['app.language']);
});

test('plurals and digits follow the language', () => {
  const english = createTranslator('en');
  const arabic = createTranslator('ar');
  const coins = (count: number) => [english.t('gifts.coins', { count }), arabic.t('gifts.coins', { count })];
  expect(coins(0)).toEqual(['0 coins', 'لا عملات']);
  expect(coins(1)).toEqual(['1 coin', 'عملة واحدة']);
  expect(coins(2)).toEqual(['2 coins', 'عملتان']);
  expect(coins(3)).toEqual(['3 coins', '٣ عملات']);
  expect(coins(11)).toEqual(['11 coins', '١١ عملة']);
  expect(english.t('studio.inStock', { count: 0 })).toBe('sold out');
  expect(english.clock(245)).toBe('4:05');
  expect(arabic.clock(245)).toBe('٤:٠٥');
  expect(english.money({ amount: '71.20', currency: 'AED', minorUnits: 7120 })).toContain('71.20');
});

test('a name keeps its direction to itself, whatever it is', () => {
  expect(createTranslator('ar').t('studio.fromGift', { count: 2, gift: 'x', name: '{count}' })).toBe(
    '٢ × \u2068x\u2069 من \u2068{count}\u2069',
  );
});
