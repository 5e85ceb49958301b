/** Finds a program that speaks the Redis protocol, and installs one where that is possible. */
import { aptInstall, onPath } from './programs.ts';

/** In order of preference. */
const PROGRAMS = ['redis-server', 'valkey-server'];
const HOW_TO_INSTALL =
  'The tests need a Redis: set REDIS_URL, or put redis-server or valkey-server on the PATH (Debian: apt-get install redis-server, macOS: brew install redis).';

/** The path of a Redis program; installs one where that is possible. */
export async function redisProgram(): Promise<string> {
  const found = (await onPath(PROGRAMS)) ?? (await installRedis());
  if (!found) throw new Error(HOW_TO_INSTALL);
  return found;
}

async function installRedis(): Promise<string | undefined> {
  return (await aptInstall('redis-server', HOW_TO_INSTALL)) ? onPath(PROGRAMS) : undefined;
}
