/** A Postgres and a streaming replica of it, which belong to a test. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded/index.ts';
import { applyMigrations } from '../../src/db/migrations.ts';
import { databaseUrl, withClient } from './postgres.ts';

/** Speed instead of safety against a power cut. */
const SETTINGS = { fsync: 'off', full_page_writes: 'off', wal_level: 'replica', max_wal_senders: '4' };
const log = pino({ level: 'error' });

/** The two. */
export type ReplicatedPostgres = {
  url: string;
  replicaUrl: string;
  /** The replica takes in nothing more, until it is resumed. It goes on to answer. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stopReplica(): Promise<void>;
  /** In the same place. */
  startReplica(): Promise<void>;
  stop(): Promise<void>;
};

/** A port that stays the same whatever port the replica gets when it is started again. */
function openFront(target: () => number | undefined): Promise<{ port: number; close(): void }> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    const port = target();
    const onward = port === undefined ? undefined : connect(port, '127.0.0.1');
    for (const end of [socket, onward]) {
      if (!end) continue;
      open.add(end);
      end.on('error', () => undefined); // the other end hears of it by the close
      end.once('close', () => {
        open.delete(end);
        socket.destroy();
        onward?.destroy();
      });
    }
    if (onward) socket.pipe(onward).pipe(socket);
    else socket.destroy();
  });
  const close = () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve({ port: (server.address() as AddressInfo).port, close })),
  );
}

/** Makes a migrated database, copies its files, and starts a replica on the copy. */
export async function startReplicatedPostgres(): Promise<ReplicatedPostgres> {
  const home = await mkdtemp(join(tmpdir(), 'hadiya-replicated-'));
  const [primaryDir, replicaDir] = [join(home, 'primary'), join(home, 'replica')];
  const startPrimary = () => startEmbeddedPostgres({ dataDir: primaryDir, log, settings: SETTINGS });
  const first = await startPrimary();
  await applyMigrations(first.url);
  await first.stop();
  await cp(primaryDir, replicaDir, { recursive: true, preserveTimestamps: true });
  await writeFile(join(replicaDir, 'postgres', 'standby.signal'), '');
  const primary = await startPrimary();
  const url = new URL(primary.url);
  const conninfo = `host=127.0.0.1 port=${url.port} user=${url.username} password=${url.password}`;
  const startReplica = () =>
    startEmbeddedPostgres({
      dataDir: replicaDir,
      log,
      settings: { ...SETTINGS, hot_standby: 'on', primary_conninfo: conninfo, wal_retrieve_retry_interval: '100ms' },
    });
  let replica: EmbeddedPostgres | undefined = await startReplica();
  const front = await openFront(() => (replica ? Number(new URL(replica.url).port) : undefined));
  const frontUrl = new URL(replica.url);
  frontUrl.port = String(front.port);
  const replicaUrl = frontUrl.href;
  const ask = (sql: string) => withClient(databaseUrl(replicaUrl, 'postgres'), (client) => client.query(sql));
  const stopReplica = async () => {
    const stopping = replica;
    replica = undefined;
    await stopping?.stop();
  };
  return {
    url: primary.url,
    replicaUrl,
    pause: async () => void (await ask('SELECT pg_wal_replay_pause()')),
    resume: async () => void (await ask('SELECT pg_wal_replay_resume()')),
    stopReplica,
    startReplica: async () => {
      replica = await startReplica();
    },
    stop: async () => {
      await stopReplica();
      await primary.stop();
      front.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}
