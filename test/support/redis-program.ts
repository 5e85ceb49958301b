/** Finds a program that speaks the Redis protocol, and installs one where that is possible. */
import { execFile } from 'node:child_process';
import { access, constants, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** In order of preference. */
const PROGRAMS = ['redis-server', 'valkey-server'];
/** How long apt-get may take for one command. */
const INSTALL_LIMIT_MS = 180_000;
/** Debian's switch: while this file says 101, installed services are not started. */
const SERVICE_POLICY_PATH = '/usr/sbin/policy-rc.d';
const HOW_TO_INSTALL =
  'The tests need a Redis: set REDIS_URL, or put redis-server or valkey-server on the PATH (Debian: apt-get install redis-server, macOS: brew install redis).';

const run = promisify(execFile);

/** The path of a Redis program; installs one where that is possible. */
export async function redisProgram(): Promise<string> {
  const found = (await onPath(PROGRAMS)) ?? (await installRedis());
  if (!found) throw new Error(HOW_TO_INSTALL);
  return found;
}

async function onPath(names: string[]): Promise<string | undefined> {
  const directories = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  for (const name of names) {
    for (const directory of directories) {
      const path = join(directory, name);
      if (await isProgram(path)) return path;
    }
  }
  return undefined;
}

function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Installs Redis with apt-get as root; undefined where that is not possible. The service of the package is not started. */
async function installRedis(): Promise<string | undefined> {
  const aptGet = await onPath(['apt-get']);
  if (!aptGet || process.getuid?.() !== 0) return undefined;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, timeout: INSTALL_LIMIT_MS };
  const policyIsOurs = await forbidServices();
  try {
    await run(aptGet, ['update'], options);
    await run(aptGet, ['install', '-y', '--no-install-recommends', 'redis-server'], options);
  } catch (error) {
    throw new Error(
      `${HOW_TO_INSTALL} apt-get could not: ${String((error as Error).message)
        .trim()
        .slice(-300)}`,
    );
  } finally {
    if (policyIsOurs) await rm(SERVICE_POLICY_PATH, { force: true });
  }
  return onPath(PROGRAMS);
}

/** Keeps apt-get from starting services; false when the machine has its own rule, which then stays. */
async function forbidServices(): Promise<boolean> {
  try {
    await writeFile(SERVICE_POLICY_PATH, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}
