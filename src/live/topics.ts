/**
 * What changes and is shown by answers that are kept (the response cache), by name. Whoever changes it announces it
 * (`changes.ts`), whatever shows it says so (`Context.shown`).
 */
export const topics = {
  /** Which streams are on air. */
  liveStreams: 'liveStreams',
  /** A stream; also one that is not there yet. */
  stream: (id: bigint) => `stream:${id}`,
  /** Which creators there are. */
  creators: 'creators',
  /** What a creator is live with. */
  onAir: (creatorId: bigint) => `onAir:${creatorId}`,
  /** Which products there are, and what is said of them. */
  products: 'products',
  /** The stock of a product. */
  product: (id: bigint) => `product:${id}`,
  /** What a stream's creator shows, and the offers in it. */
  showcase: (streamId: bigint) => `showcase:${streamId}`,
  /** What a creator does for gifts, and whether by the clock. */
  reactionRules: (creatorId: bigint) => `reactionRules:${creatorId}`,
  /** Which products trend. */
  trends: 'trends',
  /** What is for sale. Nobody announces it: it changes with a release, or by hand. */
  catalogue: 'catalogue',
};
