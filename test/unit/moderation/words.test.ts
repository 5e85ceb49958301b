/** What counts as the same word, and where a phrase is found. */
import { describe, expect, test } from 'vitest';
import { foldedWords, WordFilter } from '../../../src/domains/moderation/words.ts';

describe('words are folded', () => {
  test.each([
    ['case and diacritics', 'Wörd ÉTÉ Ñandú İstanbul', ['word', 'ete', 'nandu', 'istanbul']],
    ['full width', 'ｆｒｅｅ　Ｃｏｉｎｓ１', ['free', 'coins1']],
    ['vowel signs', 'مُحَمَّدٌ', ['محمد']],
    ['forms of alef, ya and ta', 'أحمد إلى آدم ٱسم مدرسة', ['احمد', 'الي', 'ادم', 'اسم', 'مدرسه']],
    ['a stretched word', 'مرحـــبا', ['مرحبا']],
    ['presentation forms', 'ﻣﺮﺣﺒﺎ', ['مرحبا']],
    ['invisible characters', 'fr\u200bee\u00ad co\u2060ins', ['free', 'coins']],
    ['ligatures and ß', 'ﬁne Straße', ['fine', 'strasse']],
    ['letters with strokes', 'Øł đ', ['ol', 'd']],
    ['signs between words', "don't-stop_now…", ['don', 't', 'stop', 'now']],
    ['scripts without spaces', '说脏话', ['说', '脏', '话']],
    ['emoji', 'a🌹b', ['a', '🌹', 'b']],
    ['Hindi, whose marks are letters', 'हिन्दी', ['हिन्दी']],
    ['nothing', ' ?! ', []],
  ])('%s', (_, text, words) => {
    expect(foldedWords(text)).toEqual(words);
  });
});

describe('a phrase is found', () => {
  const finds = (phrases: string[], text: string) => new WordFilter(phrases).finds(foldedWords(text));

  test.each([
    ['as it is', ['free coins'], 'get free coins now', true],
    ['at the ends', ['free coins'], 'free coins', true],
    ['with other signs between', ['free coins'], 'FREE, (coins)!', true],
    ['behind one that begins alike', ['free coins', 'free beer'], 'free beer', true],
    ['after a false start', ['free free coins'], 'free free free coins', true],
    ['inside a sentence without spaces', ['脏话'], '他说脏话吗', true],
  ])('%s', (_, phrases, text, found) => {
    expect(finds(phrases, text)).toBe(found);
  });

  test.each([
    ['as part of a word', ['ass'], 'a classic assessment'],
    ['in another order', ['free coins'], 'coins free'],
    ['with a word between', ['free coins'], 'free gold coins'],
    ['cut off at the end', ['free coins'], 'it is free'],
    ['that has no words', ['?!'], 'what?!'],
  ])('not %s', (_, phrases, text) => {
    expect(finds(phrases, text)).toBe(false);
  });
});
