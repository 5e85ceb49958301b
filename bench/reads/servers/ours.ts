/** Our server, as it is. */
import { pino } from 'pino';
import { createApp } from '../../../src/app.ts';
import { readArgument, serveCommands } from '../../lib/commands.ts';
import { benchConfig } from '../../lib/config.ts';

const { databaseUrl, cached } = readArgument<{ databaseUrl: string; cached: boolean }>();
const app = await createApp(benchConfig({ databaseUrl }), {
  log: pino({ level: 'error' }),
  databaseUrl,
  overrides: { responseCache: cached ? {} : { bytesMax: 0 } },
});
const { url } = await app.listen();
serveCommands({}, { url: new URL('/graphql', url).href });
