import type { Queryable, SqlTransaction } from '../../db/database.ts';
import type { LiveEventDraft } from '../../live/live-event.ts';
import { goalEvents, type LevelEndedPayload } from './goals.events.ts';
import { type EndingLevel, readContributors, takeLevel } from './levels.repo.ts';

/** Contributors that the end of a run names. */
export const TOP_CONTRIBUTORS = 5;

/** What the end of a run tells, but for the cooldown: read from the log, up to where the run went. */
export async function summarize(sql: Queryable, run: EndingLevel): Promise<Omit<LevelEndedPayload, 'cooldownUntil'>> {
  const { contributors, top } = await readContributors(sql, run, TOP_CONTRIBUTORS);
  return {
    level: run.level,
    coins: Number(run.coins),
    contributors,
    top,
    firstSeq: Number(run.seqFrom) + 1,
    lastSeq: Number(run.endSeq),
  };
}

/** Ends the level of a stream that ends, whose log the caller has locked. Returns the event of a run that was under way. */
export async function endLevelOf(sql: SqlTransaction, streamId: bigint): Promise<LiveEventDraft[]> {
  const run = await takeLevel(sql, streamId);
  return run ? [goalEvents.levelEnded(streamId, { ...(await summarize(sql, run)), cooldownUntil: null })] : [];
}
