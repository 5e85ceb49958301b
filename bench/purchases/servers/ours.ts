/** Hadiya itself, as one server runs. */
import { pino } from 'pino';
import { createApp } from '../../../src/app.ts';
import { readArgument, serveCommands, usageCommands } from '../../lib/commands.ts';
import { benchConfig } from '../../lib/config.ts';

/** Without a port it takes any; a server that is started again takes the one that clients know. */
const { databaseUrl, port = 0 } = readArgument<{ databaseUrl: string; port?: number }>();
const config = { ...benchConfig({ databaseUrl }), port };
const app = await createApp(config, { log: pino({ level: 'error' }), databaseUrl });
serveCommands(usageCommands(), await app.listen());
