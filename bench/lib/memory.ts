import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';

const SAMPLE_MS = 20;
const KB = 1_024;

/**
 * Watches the memory of a whole Postgres on this machine while something runs: the most that all its processes have held together beside
 * what they share (the buffers). NaN where there is no /proc.
 */
export async function watchPostgresMemory<Result>(
  databaseUrl: string,
  work: () => Promise<Result>,
): Promise<{ result: Result; peakBytes: number }> {
  const postmaster = await findPostmaster(databaseUrl);
  let peakBytes = postmaster === undefined ? Number.NaN : 0;
  const sample = (): void => {
    if (postmaster !== undefined) peakBytes = Math.max(peakBytes, privateBytesBelow(postmaster));
  };
  const timer = setInterval(sample, SAMPLE_MS);
  try {
    const result = await work();
    return { result, peakBytes };
  } finally {
    clearInterval(timer);
  }
}

async function findPostmaster(databaseUrl: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    return readStatus(String(rows[0]!.pid))?.parent;
  } finally {
    await client.end();
  }
}

function privateBytesBelow(postmaster: string): number {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(readStatus)
    .filter((status) => status?.parent === postmaster)
    .reduce((sum, status) => sum + status!.privateBytes, 0);
}

/** See proc(5). */
function readStatus(pid: string): { parent: string; privateBytes: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    const of = (name: string) => new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1];
    return { parent: of('PPid')!, privateBytes: Number(of('RssAnon') ?? 0) * KB };
  } catch {
    return undefined; // It has ended.
  }
}
