/** Hadiya itself, as one server runs. */
import { pino } from 'pino';
import { createApp } from '../../../src/app.ts';
import { readArgument, serveCommands, usageCommands } from '../../lib/commands.ts';
import { benchConfig } from '../../lib/config.ts';

const { databaseUrl } = readArgument<{ databaseUrl: string }>();
const app = await createApp(benchConfig({ databaseUrl }), { log: pino({ level: 'error' }), databaseUrl });
serveCommands(usageCommands(), await app.listen());
