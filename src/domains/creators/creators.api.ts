/** What other domains may ask of creators: a viewer becomes one by going live for the first time. */
export { type CreatorRow, ensureCreator } from './creators.repo.ts';
