/** Our server without its response cache; it counts its SQL statements. */
import { pino } from 'pino';
import { createApp } from '../../../src/app.ts';
import { readArgument, serveCommands } from '../../lib/commands.ts';
import { benchConfig } from '../../lib/config.ts';

const { databaseUrl } = readArgument<{ databaseUrl: string }>();
const app = await createApp(benchConfig({ databaseUrl }), {
  log: pino({ level: 'error' }),
  databaseUrl,
  overrides: { responseCache: { bytesMax: 0 } },
});
let statements = 0;
app.onSql(() => {
  statements++;
});
const { url } = await app.listen();
serveCommands(
  {
    /** SQL statements since the last time. */
    statements: (): number => {
      const counted = statements;
      statements = 0;
      return counted;
    },
  },
  { url: new URL('/graphql', url).href },
);
