/**
 * Marks that do not make another word: diacritics (Latin, Greek, Cyrillic), the vowel signs of Arabic with its small letters, and
 * the points of Hebrew. Those of other scripts are letters of their own right and stay.
 */
const MARKS =
  /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0591-\u05c7\u0640]/g;
/** Invisible characters, with which a word is split for people who filter and not for people who read. */
const INVISIBLE = /\p{Cf}/gu;
/** Letters that Unicode does not take apart, and that are the same to readers. */
const SAME: Readonly<Record<string, string>> = {
  ٱ: 'ا',
  ى: 'ي',
  ة: 'ه',
  ی: 'ي',
  ک: 'ك',
  ς: 'σ',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ı: 'i',
};
const SAME_LETTERS = new RegExp(`[${Object.keys(SAME).join('')}]`, 'g');
/** Scripts that are written without spaces: each character is taken for a word, so that a phrase is found inside a sentence. */
const UNSPACED = ['Han', 'Hiragana', 'Katakana', 'Thai', 'Lao', 'Khmer', 'Myanmar']
  .map((script) => `\\p{Script=${script}}`)
  .join('');
/** A word; or one character of those scripts, or an emoji. */
const WORDS = new RegExp(
  `[${UNSPACED}\\p{Extended_Pictographic}]\\p{M}*|(?:(?![${UNSPACED}])[\\p{L}\\p{N}\\p{M}])+`,
  'gu',
);

/** The words of a text as they are compared: case, diacritics, vowel signs, forms of alef and width of letters do not count. */
export function foldedWords(text: string): string[] {
  const folded = text
    .normalize('NFKD') // full-width letters become plain ones, and marks stand by themselves
    .replace(INVISIBLE, '')
    .replace(MARKS, '')
    .toUpperCase()
    .toLowerCase()
    .replace(MARKS, '') // what an İ leaves behind
    .replace(SAME_LETTERS, (letter) => SAME[letter]!);
  return folded.match(WORDS) ?? [];
}

/** Words and phrases to look for, ready for many texts. */
export class WordFilter {
  /** By their first word. */
  readonly #phrases = new Map<string, string[][]>();

  /** @param phrases as people wrote them; those without any word match nothing */
  constructor(phrases: readonly string[]) {
    for (const phrase of phrases) {
      const words = foldedWords(phrase);
      const [first] = words;
      if (first === undefined) continue;
      this.#phrases.set(first, [...(this.#phrases.get(first) ?? []), words]);
    }
  }

  /** Whether one of the phrases stands in the words, whole. */
  finds(words: readonly string[]): boolean {
    return words.some((word, at) =>
      this.#phrases.get(word)?.some((phrase) => phrase.every((part, index) => words[at + index] === part)),
    );
  }
}
