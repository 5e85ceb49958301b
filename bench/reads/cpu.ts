import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Queryable } from '../../src/db/database.ts';

/** Columns of /proc/<pid>/stat behind the program's name, see proc_pid_stat(5). */
const STAT = { parent: 1, userTime: 11, systemTime: 12, childrenUserTime: 13, childrenSystemTime: 14 };

const tickMs = 1000 / Number(execFileSync('getconf', ['CLK_TCK']));

/** CPU time of a process so far. Linux only. */
export function processCpuMs(pid: number): number {
  const stat = readStat(pid);
  return (stat[STAT.userTime]! + stat[STAT.systemTime]!) * tickMs;
}

/** The process whose children the backends of Postgres are. */
export async function postmasterPid(sql: Queryable): Promise<number> {
  const { rows } = await sql.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return readStat(rows[0]!.pid)[STAT.parent]!;
}

/** CPU time of Postgres so far: of the postmaster, of its children, and of those that have ended (parallel workers). */
export function postgresCpuMs(postmaster: number): number {
  const stat = readStat(postmaster);
  const own = [STAT.userTime, STAT.systemTime, STAT.childrenUserTime, STAT.childrenSystemTime];
  const ticks = own.reduce((sum, column) => sum + stat[column]!, 0);
  return ticks * tickMs + childrenOf(postmaster).reduce((sum, pid) => sum + processCpuMs(pid), 0);
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readStat(pid)[STAT.parent] === parent;
      } catch {
        return false; // it has ended meanwhile
      }
    });
}

/** The program's name is in brackets and may hold anything; numbers follow. */
function readStat(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
}
