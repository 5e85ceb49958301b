/** Servers inside the test's process. */
import { inject } from 'vitest';
import type { App, AppOverrides } from '../../src/app.ts';
import type { Config } from '../../src/config.ts';
import { createTestApp } from './app.ts';
import { connectTo, type Endpoint, redisUrl } from './endpoint.ts';

/** A server inside the test's process. */
export type Server = Endpoint & {
  /** Its `close` leaves the clients alone, to see how they end; may be called more than once. */
  app: App;
  /** Closes what was opened through it, then stops it; may be called more than once. */
  close(): Promise<void>;
};

/** How a test's server is started. */
export type ServerOptions = {
  /** The database; a fixture gives the test's own. */
  databaseUrl: string;
  /** True for the shared Redis, or the URL of a private one. Default: the bus in memory. */
  redis?: boolean | string;
  /** Settings beside those of `createTestApp`. */
  config?: Partial<Config>;
  /** Replaced parts: limits, windows, the payment provider. */
  overrides?: AppOverrides;
};

/** Starts a server in this process. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { databaseUrl, config, overrides } = options;
  const dataDir = inject('dataDir');
  const built = await createTestApp({ databaseUrl, dataDir, redisUrl: redisUrl(options.redis), config, overrides });
  let ended: Promise<void> | undefined;
  const end = () => {
    ended ??= built.close();
    return ended;
  };
  try {
    const { url } = await built.listen();
    const { endpoint, closeClients } = connectTo(url);
    return { ...endpoint, app: { ...built, close: end }, close: () => closeClients().then(end) };
  } catch (error) {
    await end();
    throw error;
  }
}
