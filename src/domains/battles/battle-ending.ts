import type { SqlTransaction } from '../../db/database.ts';
import type { StreamEnding } from '../streams/streams.api.ts';
import { closeInvites, findRunning, lockBattlesOf, readRunning, tryAgain, writeTurns } from './battles.repo.ts';
import { forfeit } from './battles.rules.ts';

/**
 * What ends with a stream: its battle, which the other side wins by forfeit, and the invitations from it and to it. A battle that
 * begins between the locks has the transaction tried again: its other log is not locked.
 */
export function createBattleEnding(): StreamEnding {
  /** The battles that a transaction has locked. */
  const lockedBy = new WeakMap<SqlTransaction, { all: bigint[]; running: bigint[] }>();
  return {
    lock: async (sql, streamId) => {
      const battles = await lockBattlesOf(sql, streamId);
      const running = battles.filter(({ state }) => state === 'RUNNING');
      lockedBy.set(sql, { all: battles.map(({ id }) => id), running: running.map(({ id }) => id) });
      return running.flatMap((battle) => [battle.streamId, battle.opponentStreamId]).filter((id) => id !== streamId);
    },
    end: async (sql, streamId) => {
      const { all, running } = lockedBy.get(sql)!;
      if ((await findRunning(sql, [streamId])).some((id) => !running.includes(id))) await tryAgain(sql);
      await closeInvites(sql, all, 'EXPIRED');
      if (running.length === 0) return { drafts: [] };
      const { battles, now } = await readRunning(sql, running);
      const turns = battles.map((battle) => forfeit(battle, Number(streamId), now));
      await writeTurns(sql, turns, now);
      return { drafts: turns.flatMap(({ drafts }) => drafts) };
    },
  };
}
