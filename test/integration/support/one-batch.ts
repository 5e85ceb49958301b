/** Puts calls into one batch of a group commit: they arrive while the batch before them waits for a lock that the test holds. */
import type { Pool } from 'pg';
import type { WsClient } from '../../support/client.ts';
import { type MutationName, mutationDocument } from '../../support/documents.ts';
import type { Outcome, SendGiftSuccess } from '../../support/operations.ts';
import type { Variables } from '../../support/wire.ts';
import { rowOf } from './ids.ts';

/** How often Postgres is asked whether somebody waits, before the test fails. */
const LOOKS_MAX = 2_000;

/** Sends gifts over one socket, in order, so that all of them are in one batch. See {@link callInOneBatch}. */
export function sendInOneBatch(
  pool: Pool,
  socket: WsClient,
  opener: Variables & { streamId: string },
  gifts: readonly Variables[],
): Promise<{ opener: Outcome<SendGiftSuccess>; outcomes: Outcome<SendGiftSuccess>[] }> {
  return callInOneBatch(pool, socket, 'sendGift', opener, gifts);
}

/**
 * Calls a mutation again and again over one socket, in order, so that all calls are in one batch.
 * @param opener the input of a call that is made first, alone in its batch, and waits for the stream's lock meanwhile
 */
export async function callInOneBatch<Success>(
  pool: Pool,
  socket: WsClient,
  mutation: MutationName,
  opener: Variables & { streamId: string },
  inputs: readonly Variables[],
): Promise<{ opener: Outcome<Success>; outcomes: Outcome<Success>[] }> {
  const call = async (input: Variables): Promise<Outcome<Success>> => {
    const { data, errors } = await socket.query<Record<string, Outcome<Success>>>(mutationDocument(mutation), {
      input,
    });
    if (!data) throw new Error(`${mutation} failed: ${JSON.stringify(errors)}`);
    return data[mutation]!;
  };
  const holder = await pool.connect();
  try {
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM live_log WHERE stream_id = $1 FOR UPDATE', [rowOf(opener.streamId)]);
    const first = call(opener);
    await somebodyWaits(pool);
    const others = Promise.all(inputs.map(call));
    // The socket is read in order: when this is answered, the calls before it stand in the queue.
    await socket.query('{ gifts { id } }');
    await holder.query('COMMIT');
    return { opener: await first, outcomes: await others };
  } finally {
    holder.release(true);
  }
}

async function somebodyWaits(pool: Pool): Promise<void> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    const { rowCount } = await pool.query(
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    if (rowCount) return;
  }
  throw new Error(`nobody waits for the lock after ${LOOKS_MAX} looks`);
}
