import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { print } from './output.ts';

const PEERS = new URL('../peers/', import.meta.url);
const INSTALL_MS_MAX = 300_000;

/** Versions of the installed peers, by package. */
export type PeerVersions = Record<string, string>;

/**
 * Installs what we are measured against, unless it is there: in a folder of its own, so that the project's install stays small.
 * @throws when npm cannot
 */
export async function installPeers(signal: AbortSignal): Promise<PeerVersions> {
  const { dependencies } = await readJson<{ dependencies: PeerVersions }>('package.json');
  if (JSON.stringify(await installedVersions(dependencies)) !== JSON.stringify(dependencies)) {
    print('Installing the peers into bench/peers …');
    const directory = fileURLToPath(PEERS);
    await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--prefix', directory], {
      signal,
      timeout: INSTALL_MS_MAX,
    });
  }
  return dependencies;
}

async function installedVersions(wanted: PeerVersions): Promise<PeerVersions> {
  const versions = await Promise.all(
    Object.keys(wanted).map(async (name) => {
      const { version } = await readJson<{ version: string }>(`node_modules/${name}/package.json`).catch(
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error;
          return { version: 'none' };
        },
      );
      return [name, version] as const;
    }),
  );
  return Object.fromEntries(versions);
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(new URL(path, PEERS), 'utf8')) as T;
}
