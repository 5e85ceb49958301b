/**
 * Every channel of the bus. The braces keep what belongs together in one slot of a Redis Cluster. `ofDeployment` makes the
 * name that Redis sees: deployments that share a Redis have streams of the same numbers and must not hear each other.
 */
export const channels = {
  ofDeployment: (channel: string, deployment: string) => `${channel}:${deployment}`,
  /** The events of one stream, see `docs/feed-protocol.md`. */
  stream: (streamId: bigint) => `hadiya:stream:{${streamId}}`,
  /** How many watchers each process has per stream. */
  presence: () => 'hadiya:presence',
  /** What has changed, for those who keep what they read. */
  changes: () => 'hadiya:changes',
  /** Which orders have changed. */
  orders: () => 'hadiya:orders',
  /** Whose bans have changed. */
  bans: () => 'hadiya:bans',
  /** Nobody listens: whether Redis answers is found out with it. */
  probe: () => 'hadiya:probe',
  /** The latest values of one kind: wallets, likes. */
  latest: (topic: string) => `hadiya:latest:{${topic}}`,
};
