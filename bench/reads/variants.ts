import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { POOL_SIZE_MAX } from '../../src/db/database.ts';
import { type Child, startChild } from '../lib/child.ts';
import type { Commands } from '../lib/commands.ts';

/** What serves the pages. */
export const VARIANTS = {
  prismaPlugin: 'Yoga + Pothos’ Prisma plugin',
  postgraphile: 'PostGraphile',
  ours: 'ours, no response cache',
  oursCached: 'ours',
} as const;
export type VariantName = keyof typeof VARIANTS;

/** A server under test, in a process of its own. */
export type ReadsServer = Child<Commands, { url: string }>;

/** PostGraphile needs it. */
const NODE_MAJOR_MIN = 22;
const PEER_NODE = new URL(`../peers/node_modules/node-${process.platform}-${process.arch}/bin/node`, import.meta.url);

/**
 * The Node that all servers run on, so that they can be compared: ours, or that of bench/peers where ours is too old for
 * PostGraphile.
 * @throws when neither will do
 */
export function findNode(): string {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath;
  const path = fileURLToPath(PEER_NODE);
  if (existsSync(path)) return path;
  throw new Error(
    `PostGraphile needs Node ${NODE_MAJOR_MIN}: there is none for ${process.platform}-${process.arch} in bench/peers`,
  );
}

/** Starts a server. */
export function startVariant(
  name: VariantName,
  databaseUrl: string,
  options: { execPath: string; signal: AbortSignal },
): Promise<ReadsServer> {
  const start = (path: string, argument: Record<string, unknown>) =>
    startChild<Commands, { url: string }>(new URL(path, import.meta.url), {
      argument: { databaseUrl, ...argument },
      ...options,
    });
  switch (name) {
    case 'prismaPlugin':
      return start('servers/prisma-plugin.ts', {});
    case 'postgraphile':
      return start('../peers/postgraphile-server.mjs', { poolSizeMax: POOL_SIZE_MAX });
    case 'ours':
      return start('servers/ours.ts', { cached: false });
    case 'oursCached':
      return start('servers/ours.ts', { cached: true });
  }
}
