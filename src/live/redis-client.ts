import { createClient } from 'redis';

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_DELAY_MS_MAX = 2_000;

/**
 * A client that fails at the start when Redis cannot be reached, and once `state.started` is set reconnects for ever. The caller
 * listens to its errors: without a listener node-redis would end the process.
 */
export function redisClient(url: string, state: { started: boolean }, options: { disableOfflineQueue?: boolean }) {
  return createClient({
    url,
    ...options,
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: (retries, cause) =>
        state.started ? Math.min(50 * 2 ** retries, RECONNECT_DELAY_MS_MAX) : cause,
    },
  });
}
