/** Redis Clusters that belong to a test: their servers die, come back and hand slots over. */
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { expect } from 'vitest';
import { SLOTS, slotOf } from '../../src/live/redis-slot.ts';
import { exited, stopChild } from './exit.ts';
import { acceptsConnections, freePort, settingsOf } from './redis.ts';
import { redisProgram } from './redis-program.ts';

/**
 * How long a server must be silent to be taken for dead by the others: then its replica takes over. Long enough that no server
 * is taken for dead because the machine was busy: the others would refuse what tests send to it.
 */
const NODE_TIMEOUT_MS = 2_500;

/** One server of a cluster. Killed, it keeps its directory, and with it who it is and what it owns. */
export type ClusterServer = {
  port: number;
  url: string;
  /** Sends one command to it. */
  command(...args: string[]): Promise<unknown>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Stops the process as a lost machine would: its connections stay open, and bring nothing. */
  freeze(): void;
  /** Starts it again in the same place. */
  restart(): Promise<void>;
};

/** A Redis Cluster. */
export type TestRedisCluster = {
  /** REDIS_URL: all masters. */
  url: string;
  masters: readonly ClusterServer[];
  replicas: readonly ClusterServer[];
  /** The master that owned a channel's slot at first. */
  masterOf(channel: string): ClusterServer;
  /** Hands the slot of a channel over to another master. */
  moveSlot(channel: string, from: ClusterServer, to: ClusterServer): Promise<void>;
  stop(): Promise<void>;
};

type Stoppable = ClusterServer & { stop(): Promise<void> };

/** Starts a cluster of masters that share the slots, and of replicas of the first one. */
export async function startRedisCluster(
  options: { masters?: number; replicas?: number } = {},
): Promise<TestRedisCluster> {
  const { masters: count = 3, replicas: replicaCount = 0 } = options;
  const servers: Stoppable[] = [];
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    for (let n = 0; n < count + replicaCount; n++) servers.push(await startClusterServer());
    const [masters, replicas] = [servers.slice(0, count), servers.slice(count)];
    await Promise.all(
      masters.map((server, n) => server.command('CLUSTER', 'ADDSLOTSRANGE', ...rangeOf(n, count).map(String))),
    );
    for (const [n, server] of servers.entries()) await server.command('CLUSTER', 'SET-CONFIG-EPOCH', String(n + 1));
    for (const server of servers) for (const other of servers) await meet(server, other);
    await formed(servers, count);
    const first = String(await masters[0]!.command('CLUSTER', 'MYID'));
    for (const replica of replicas) await replica.command('CLUSTER', 'REPLICATE', first);
    for (const replica of replicas) {
      await expect.poll(() => replica.command('INFO', 'replication')).toContain('master_link_status:up');
    }
    return {
      url: masters.map(({ url }) => url).join(','),
      masters,
      replicas,
      masterOf: (channel) => masters.find((_, n) => slotOf(channel) <= rangeOf(n, count)[1])!,
      moveSlot: (channel, from, to) => moveSlot(String(slotOf(channel)), from, to, masters),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function rangeOf(n: number, count: number): [first: number, last: number] {
  return [Math.ceil((n * SLOTS) / count), Math.ceil(((n + 1) * SLOTS) / count) - 1];
}

const busPorts = new WeakMap<ClusterServer, number>();

async function meet(server: ClusterServer, other: ClusterServer): Promise<void> {
  if (server === other) return;
  await server.command('CLUSTER', 'MEET', '127.0.0.1', String(other.port), String(busPorts.get(other)));
}

/** Until every server knows of all slots, and thinks well of all others. */
async function formed(servers: readonly ClusterServer[], masters: number): Promise<void> {
  for (const server of servers) {
    await expect
      .poll(async () => {
        const info = String(await server.command('CLUSTER', 'INFO'));
        return ['cluster_state:ok', 'cluster_slots_ok:16384', `cluster_known_nodes:${servers.length}`].filter(
          (line) => !info.includes(line),
        );
      })
      .toEqual([]);
    await expect.poll(async () => ((await server.command('CLUSTER', 'SLOTS')) as unknown[]).length).toBe(masters);
  }
}

async function moveSlot(slot: string, from: ClusterServer, to: ClusterServer, all: readonly ClusterServer[]) {
  const [source, target] = await Promise.all(
    [from, to].map(async (one) => String(await one.command('CLUSTER', 'MYID'))),
  );
  await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source!);
  await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target!);
  // The new owner first: it takes a higher epoch.
  for (const server of [to, from, ...all.filter((one) => one !== to && one !== from)]) {
    await server.command('CLUSTER', 'SETSLOT', slot, 'NODE', target!);
  }
}

async function startClusterServer(): Promise<Stoppable> {
  const program = await redisProgram();
  const directory = await mkdtemp(join(tmpdir(), 'hadiya-redis-cluster-'));
  const [port, busPort] = [await freePort(), await freePort()];
  const settings = [
    ...settingsOf(port, directory),
    ...['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-config-file', 'nodes.conf'],
    ...['--cluster-node-timeout', String(NODE_TIMEOUT_MS), '--cluster-require-full-coverage', 'no'],
    ...['--cluster-replica-validity-factor', '0'],
    // A replica gets its copy at once: there is no second one to wait for.
    ...['--repl-diskless-sync-delay', '0'],
  ];
  let child: ChildProcess | undefined;
  const killWithUs = () => {
    child?.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', killWithUs);
  const restart = async () => {
    child = spawn(program, settings, { stdio: ['ignore', 'pipe', 'pipe'] });
    await acceptsConnections(child);
  };
  const url = `redis://127.0.0.1:${port}`;
  const server: Stoppable = {
    port,
    url,
    command: (...args) => command(url, args),
    kill: async () => {
      child!.kill('SIGKILL');
      await exited(child!);
    },
    freeze: () => void child!.kill('SIGSTOP'),
    restart,
    stop: async () => {
      child?.kill('SIGCONT');
      if (child) await stopChild(child);
      process.removeListener('exit', killWithUs);
      await rm(directory, { recursive: true, force: true });
    },
  };
  busPorts.set(server, busPort);
  await restart();
  return server;
}

/** Its copies share its class, see `redis-client.ts`. */
const template = createClient();

async function command(url: string, args: string[]): Promise<unknown> {
  const client = template.duplicate({ url });
  client.on('error', () => undefined); // What goes wrong fails the command.
  await client.connect();
  try {
    return await client.sendCommand(args);
  } finally {
    client.destroy();
  }
}
