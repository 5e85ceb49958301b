/** Finds programs on this machine, and installs them where that is possible. */
import { execFile } from 'node:child_process';
import { access, constants, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** How long apt-get may take for one command. */
const INSTALL_LIMIT_MS = 300_000;
/** Debian's switch: while this file says 101, installed services are not started. */
const SERVICE_POLICY_PATH = '/usr/sbin/policy-rc.d';

/** The network is not ours, and on a new machine apt may be busy with itself. */
const PATIENCE = ['-o', 'Acquire::Retries=5', '-o', 'DPkg::Lock::Timeout=120'];
/** What apt may say. */
const OUTPUT_BYTES_MAX = 64 * 1024 ** 2;

const run = promisify(execFile);

/** The first of these programs that is on the PATH. */
export async function onPath(names: string[]): Promise<string | undefined> {
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

/**
 * Installs a package with apt-get as root; false where that is not possible. Its services are not started.
 * @param howTo what an error begins with
 */
export async function aptInstall(name: string, howTo: string): Promise<boolean> {
  const aptGet = await onPath(['apt-get']);
  if (!aptGet || process.getuid?.() !== 0) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, timeout: INSTALL_LIMIT_MS, maxBuffer: OUTPUT_BYTES_MAX };
  const policyIsOurs = await forbidServices();
  try {
    await run(aptGet, [...PATIENCE, 'update'], options);
    await run(aptGet, [...PATIENCE, 'install', '-y', '--no-install-recommends', name], options);
  } catch (error) {
    const reason = String((error as Error).message).trim();
    throw new Error(`${howTo} apt-get could not: ${reason.slice(-300)}`);
  } finally {
    if (policyIsOurs) await rm(SERVICE_POLICY_PATH, { force: true });
  }
  return true;
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
