/** Every channel of the bus. The braces keep what belongs together in one slot of a Redis Cluster. */
export const channels = {
  /** The events of one stream, see `docs/feed-protocol.md`. */
  stream: (streamId: bigint) => `hadiya:stream:{${streamId}}`,
  /** How many watchers each process has per stream. */
  presence: () => 'hadiya:presence',
  /** The latest values of one kind: wallets, likes. */
  latest: (topic: string) => `hadiya:latest:{${topic}}`,
};
