/** The same pages with Pothos's Prisma plugin behind Yoga, both as they come. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PrismaPg } from '@prisma/adapter-pg';
import { createYoga } from 'graphql-yoga';
import { POOL_SIZE_MAX } from '../../../src/db/database.ts';
import { PrismaClient } from '../../../src/generated/prisma/client.ts';
import { readArgument, serveCommands } from '../../lib/commands.ts';
import { buildPrismaPluginSchema } from '../prisma-plugin.schema.ts';

const { databaseUrl } = readArgument<{ databaseUrl: string }>();
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: databaseUrl, max: POOL_SIZE_MAX }) });
const server = createServer(createYoga({ schema: buildPrismaPluginSchema(prisma) }));
server.listen(0, '127.0.0.1', () => {
  serveCommands({}, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql` });
});
