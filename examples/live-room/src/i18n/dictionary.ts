import type { en } from './en.ts';

/** A text without plurals, or one for each plural form of a language. `other` is every language's. */
export type Text = string | ({ other: string } & Partial<Record<Intl.LDMLPluralRule, string>>);
/** What texts are asked for by. */
export type TextKey = keyof typeof en;
/** All texts in one language. */
export type Dictionary = Record<TextKey, Text>;

/** What stands in braces in a text. A number is written as the language does, and `count` decides about the plural. */
export type TextValues = Record<string, string | number>;
