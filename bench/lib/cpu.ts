import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';

/** Clock ticks of /proc in a second: a constant of Linux on every machine that Node runs on. */
const TICKS_PER_SECOND = 100;

/** What a process has used, see proc(5). */
type ProcessStat = { parent: number; ownMs: number; endedChildrenMs: number };

/** Reads the CPU time, in ms, that a whole Postgres has used so far: all its processes, those that have ended included. */
export type ReadPostgresCpu = () => number;

/** CPU time of a process so far; NaN when it has ended, or where there is no /proc. */
export function processCpuMs(pid: number): number {
  return readStat(pid)?.ownMs ?? Number.NaN;
}

/** Finds the processes of a Postgres on this machine. Where there is no /proc, what it reads is NaN. */
export async function watchPostgresCpu(databaseUrl: string): Promise<ReadPostgresCpu> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const postmaster = readStat(rows[0]!.pid)?.parent;
    return () => (postmaster === undefined ? Number.NaN : readTree(postmaster));
  } finally {
    await client.end();
  }
}

function readTree(postmaster: number): number {
  const own = readStat(postmaster);
  if (!own) return Number.NaN;
  const children = readdirSync('/proc').map((name) => (/^\d+$/.test(name) ? readStat(Number(name)) : undefined));
  const alive = children.filter((stat) => stat?.parent === postmaster).reduce((sum, stat) => sum + stat!.ownMs, 0);
  return own.ownMs + own.endedChildrenMs + alive;
}

/** The fields behind the name of the program, which may contain spaces. */
function readStat(pid: number): ProcessStat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ms = (from: number): number => ((Number(fields[from]) + Number(fields[from + 1])) * 1000) / TICKS_PER_SECOND;
    return { parent: Number(fields[1]), ownMs: ms(11), endedChildrenMs: ms(13) };
  } catch {
    return undefined; // it has ended meanwhile
  }
}
