import type { Logger } from 'pino';
import type { Database, SqlTransaction } from '../../db/database.ts';
import { createLists, createLookUp } from '../../db/look-up.ts';
import { ForbiddenError, InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import type { Live } from '../../live/live.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { appendEvents, lockLog, lockLogs } from '../../live/live-log.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { findStream, type StreamEnding } from '../streams/streams.api.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import { createBattleEnding } from './battle-ending.ts';
import { BattleSweep, type BattleSweepOptions } from './battle-sweep.ts';
import { BattleStateError } from './battles.errors.ts';
import { battleEvents } from './battles.events.ts';
import {
  type BattleRow,
  type BattleRules,
  type BattleStreams,
  beginBattle,
  closeInvites,
  countInvites,
  expireInvites,
  findBattles,
  findInvite,
  findInvites,
  findRunning,
  findShownBattles,
  insertInvite,
  lockBattle,
  readRunning,
} from './battles.repo.ts';
import { standing } from './battles.rules.ts';

/** How long a battle lasts. */
export const BATTLE_SECONDS_MIN = 30;
export const BATTLE_SECONDS_MAX = 1_800;
/** In so much of its end coins count so many times; windows as long as the battle are left out. */
export const BATTLE_MULTIPLIERS: BattleRules['multipliers'] = [
  { factor: 2, lastMs: 30_000 },
  { factor: 3, lastMs: 10_000 },
];
/** A battle that is close at its end goes on for so much longer, once. */
export const BATTLE_EXTENSION_MS = 30_000;
/** Close is a lead of less than so many per mille of all that both sides have; and a tie. */
export const BATTLE_CLOSE_PER_MILLE = 20;
/** How long an invitation is open. */
export const INVITE_MS = 60_000;
/** Invitations from one stream that are open at the same time, and how many a stream shows. */
export const OPEN_INVITES_MAX = 10;
export const INVITES_SHOWN_MAX = 50;

/** Rules and intervals that tests override. */
export type BattlesOptions = Partial<BattleRules> & BattleSweepOptions & { inviteMs?: number };

/** One creator's stream against another's. */
type Invitation = { streamId: bigint; opponentStreamId: bigint; durationSeconds: number };

/** Battles between two streams on air: invitations, and what begins, runs and ends by them. */
export class Battles {
  /** A battle or an invitation by id; null when there is none. Who may see it is for `mayBeSeenBy` to say. */
  readonly find: (id: bigint) => Promise<BattleRow | null>;
  /** The battle that runs in a stream, else the one that ended last. */
  readonly ofStream: (streamId: bigint) => Promise<BattleRow | null>;
  /** The open invitations from a stream and to it, oldest first. */
  readonly invitesOf: (streamId: bigint) => Promise<BattleRow[]>;
  /** What ends with a stream. */
  readonly ending: StreamEnding = createBattleEnding();
  readonly #sweep: BattleSweep;
  readonly #rules: BattleRules;
  readonly #inviteMs: number;

  constructor(
    private readonly deps: { db: Database; live: Live; log: Logger },
    options: BattlesOptions = {},
  ) {
    const { pool } = deps.db;
    this.find = createLookUp(
      (ids: readonly bigint[]) => findBattles(pool, ids),
      ({ id }) => BigInt(id),
    );
    const shown = createLookUp(
      (streamIds: readonly bigint[]) => findShownBattles(pool, streamIds),
      ({ ofStream }) => ofStream,
    );
    this.ofStream = shown;
    const invites = createLists(
      (streamIds: readonly bigint[]) => findInvites(pool, streamIds, INVITES_SHOWN_MAX),
      ({ ofStream }) => ofStream,
    );
    this.invitesOf = invites;
    this.#rules = {
      multipliers: options.multipliers ?? BATTLE_MULTIPLIERS,
      extensionMs: options.extensionMs ?? BATTLE_EXTENSION_MS,
      closePerMille: options.closePerMille ?? BATTLE_CLOSE_PER_MILLE,
    };
    this.#inviteMs = options.inviteMs ?? INVITE_MS;
    this.#sweep = new BattleSweep(deps, options);
  }

  /**
   * Invites another stream to a battle. Inviting it again while the invitation is open changes nothing.
   * @throws {NotFoundError} no such stream
   * @throws {ForbiddenError} somebody else's stream
   * @throws {InvalidInputError} a stream against itself
   * @throws {StreamNotLiveError} one of them
   * @throws {BattleStateError} one of them is in a battle, is invited for another duration, or as many invitations are open as may be
   */
  async invite(actor: Actor, invitation: Invitation): Promise<{ battleId: bigint; replayed: boolean }> {
    const { streamId, opponentStreamId, durationSeconds } = invitation;
    if (streamId === opponentStreamId) {
      throw new InvalidInputError([{ path: 'input.opponentStreamId', message: 'Must be another stream than yours.' }]);
    }
    return this.deps.db.inTransaction(async (sql) => {
      await expireInvites(sql, streamId, OPEN_INVITES_MAX); // battles stand before logs in the lock order
      await lockLog(sql, streamId);
      await requireRivals(sql, actor, invitation);
      const open = await findInvite(sql, streamId, opponentStreamId);
      if (open && open.durationMs !== durationSeconds * 1_000) {
        throw new BattleStateError('This stream is invited already, for another duration.', 'INVITED');
      }
      if (open) return { battleId: open.id, replayed: true };
      await requireFree(sql, [streamId, opponentStreamId]);
      if ((await countInvites(sql, streamId)) >= OPEN_INVITES_MAX) {
        throw new BattleStateError(`A stream has ${OPEN_INVITES_MAX} open invitations at the most.`, null);
      }
      const durationMs = durationSeconds * 1_000;
      const invite = { streamId, opponentStreamId, durationMs, inviteMs: this.#inviteMs };
      return { battleId: await insertInvite(sql, invite), replayed: false };
    });
  }

  /**
   * Accepts an invitation: the battle begins. Accepting it again changes nothing.
   * @throws {NotFoundError} no such invitation, or one between others
   * @throws {ForbiddenError} it is the actor's own
   * @throws {StreamNotLiveError} one of the streams
   * @throws {BattleStateError} it was declined or its time is over, or one of the streams is in a battle
   */
  async accept(actor: Actor, battleId: bigint): Promise<{ replayed: boolean }> {
    const { db, live } = this.deps;
    const events = await db.inTransaction(async (sql): Promise<LiveEvent[]> => {
      const battle = await lockBattle(sql, battleId);
      const role = battle && (await roleOf(sql, actor, battle));
      if (!battle || !role) throw new NotFoundError('battle');
      if (role === 'INVITER') throw new ForbiddenError('The one who was invited accepts.');
      if (battle.state === 'RUNNING' || battle.state === 'ENDED') return [];
      if (!battle.isOpen) {
        const state = battle.state === 'INVITED' ? 'EXPIRED' : battle.state;
        throw new BattleStateError('The invitation is not open any more.', state);
      }
      const streamIds = [battle.streamId, battle.opponentStreamId];
      await lockLogs(sql, streamIds);
      for (const id of streamIds) await requireLive(sql, id);
      await requireFree(sql, streamIds);
      await beginBattle(sql, battleId, this.#rules);
      return appendEvents(sql, await startedEvents(sql, battleId));
    });
    live.announce(events);
    return { replayed: events.length === 0 };
  }

  /**
   * Declines an invitation, or takes it back: either of the two may. Declining it again, or one whose time is over, changes nothing.
   * @throws {NotFoundError} no such invitation, or one between others
   * @throws {BattleStateError} the battle has begun
   */
  async decline(actor: Actor, battleId: bigint): Promise<{ replayed: boolean }> {
    return this.deps.db.inTransaction(async (sql) => {
      const battle = await lockBattle(sql, battleId);
      if (!battle || !(await roleOf(sql, actor, battle))) throw new NotFoundError('battle');
      if (battle.state === 'RUNNING' || battle.state === 'ENDED') {
        throw new BattleStateError('The battle has begun: it goes on to its end.', battle.state);
      }
      if (battle.state === 'INVITED') await closeInvites(sql, [battleId], battle.isOpen ? 'DECLINED' : 'EXPIRED');
      return { replayed: !battle.isOpen };
    });
  }

  /** Starts moving battles on, those of a server that died included. */
  start(): void {
    this.#sweep.start();
  }

  async close(): Promise<void> {
    await this.#sweep.close();
  }
}

/** Whether somebody may see a battle: invitations are between the two. */
export function mayBeSeenBy({ state, sides }: BattleRow, viewerId: bigint | undefined): boolean {
  if (state === 'RUNNING' || state === 'ENDED') return true;
  return sides.some(({ creator }) => viewerId !== undefined && BigInt(creator.id) === viewerId);
}

async function startedEvents(sql: SqlTransaction, battleId: bigint) {
  const { battles } = await readRunning(sql, [battleId]);
  const battle = battles[0] as (typeof battles)[number] & { durationMs: number };
  return battleEvents('BATTLE_STARTED', {
    battleId: battle.id,
    sides: standing(battle),
    durationSeconds: battle.durationMs / 1_000,
    endsAt: battle.endsAt.toISOString(),
    multipliers: battle.factors.map((factor, index) => ({ factor, startsAt: battle.factorAt[index]!.toISOString() })),
  });
}

async function roleOf(
  sql: SqlTransaction,
  actor: Actor,
  { streamId, opponentStreamId }: BattleStreams,
): Promise<'INVITER' | 'INVITED' | undefined> {
  if ((await findStream(sql, opponentStreamId))?.viewerId === actor.id) return 'INVITED';
  return (await findStream(sql, streamId))?.viewerId === actor.id ? 'INVITER' : undefined;
}

async function requireRivals(
  sql: SqlTransaction,
  actor: Actor,
  { streamId, opponentStreamId }: Invitation,
): Promise<void> {
  const own = await requireStream(sql, streamId);
  if (own.viewerId !== actor.id)
    throw new ForbiddenError('Only the creator of a stream can invite others to a battle.');
  for (const { status } of [own, await requireStream(sql, opponentStreamId)]) {
    if (status !== 'LIVE') throw new StreamNotLiveError();
  }
}

async function requireStream(sql: SqlTransaction, streamId: bigint) {
  const stream = await findStream(sql, streamId);
  if (!stream) throw new NotFoundError('stream');
  return stream;
}

async function requireLive(sql: SqlTransaction, streamId: bigint): Promise<void> {
  if ((await requireStream(sql, streamId)).status !== 'LIVE') throw new StreamNotLiveError();
}

async function requireFree(sql: SqlTransaction, streamIds: readonly bigint[]): Promise<void> {
  if ((await findRunning(sql, streamIds)).length === 0) return;
  throw new BattleStateError('One of the streams is in a battle: one at a time.', 'RUNNING');
}
