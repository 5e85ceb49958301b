/** Hadiya itself. Events are appended to the log in one SQL transaction a tick and announced, as every domain does it. */
import { pino } from 'pino';
import { createApp } from '../../../src/app.ts';
import { rowId } from '../../../src/graphql/global-id.ts';
import { appendEvents } from '../../../src/live/live-log.ts';
import { readArgument } from '../../lib/commands.ts';
import { benchConfig } from '../../lib/config.ts';
import { giftPayload } from '../event.ts';
import { serveFeed } from '../publish.ts';

/** Which Hadiya. */
export type OurServerOptions = {
  databaseUrl: string;
  redisUrl?: string;
  /** 0: every event is written at once. */
  windowMs: number;
  /** Events that a viewer may be behind. */
  ringSize?: number;
};

const options = readArgument<OurServerOptions>();
const log = pino({ level: 'error' });
const app = await createApp(benchConfig(options), {
  log,
  databaseUrl: options.databaseUrl,
  overrides: {
    ...(options.ringSize ? { hub: { ringSize: options.ringSize } } : {}),
    ...({ fanOut: { windowMs: options.windowMs } } as object),
  },
});
const { url } = await app.listen();

const rowIds = new Map<string, bigint>();

function rowOf(streamId: string): bigint {
  const row = rowIds.get(streamId) ?? rowId('LiveStream', streamId)!;
  rowIds.set(streamId, row);
  return row;
}

serveFeed(url, async (streams, count, padding) => {
  const drafts = streams.flatMap((streamId) =>
    Array.from({ length: count }, () => ({
      streamId: rowOf(streamId),
      type: 'GIFT_SENT' as const,
      payload: giftPayload(padding),
    })),
  );
  app.live.announce(await app.services.db.inTransaction((sql) => appendEvents(sql, drafts)));
});
