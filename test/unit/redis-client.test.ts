/** Connections to Redis are made again and again while a server is dead. */
import { expect, test } from 'vitest';
import { redisClient } from '../../src/live/redis-client.ts';

test('clients of all servers share one class, whatever their options: to make it takes longer than to connect', () => {
  const clients = ['redis://127.0.0.1:1', 'redis://somebody:secret@127.0.0.1:2'].flatMap((url) => [
    redisClient(url, { started: false }, {}),
    redisClient(url, { started: true }, { reconnect: false, disableOfflineQueue: true }),
  ]);
  expect(new Set(clients.map((client) => client.constructor)).size).toBe(1);
});
