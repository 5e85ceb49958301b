/** What other domains may ask of reactions. Imports nothing of gifts, which calls it. */
export { dropReactions } from './drop.ts';
