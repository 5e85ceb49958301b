import type { Queryable } from '../../db/database.ts';
import { ForbiddenError, InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { EVERYWHERE, findCreatorOf, readStanding, type Standing } from './restrictions.repo.ts';

/** Where something is to hold: in the streams of a creator, named directly or by one of them; without either, everywhere. */
export type Where = { streamId?: bigint | undefined; creatorId?: bigint | undefined };

/**
 * The creator whose streams are meant; {@link EVERYWHERE} for all.
 * @throws {InvalidInputError} both are given
 * @throws {NotFoundError} no such stream
 */
export async function creatorAt(sql: Queryable, { streamId, creatorId }: Where): Promise<bigint> {
  if (streamId === undefined) return creatorId ?? EVERYWHERE;
  if (creatorId !== undefined) {
    throw new InvalidInputError([{ path: 'input.creatorId', message: 'Name the stream or the creator, not both.' }]);
  }
  const found = await findCreatorOf(sql, streamId);
  if (found === undefined) throw new NotFoundError('stream');
  return found;
}

/**
 * Lets pass who moderates a creator's streams: the creator, the moderators and the platform's operators; everywhere, only those.
 * @throws {NotFoundError} no such creator
 * @throws {ForbiddenError} somebody else
 */
export async function requireModerator(sql: Queryable, actor: Actor, creatorId: bigint): Promise<Standing> {
  return requireStanding(sql, actor, { creatorId, subjectId: undefined, moderators: true });
}

/**
 * Lets pass the creator and the platform's operators.
 * @throws {NotFoundError} no such creator
 * @throws {ForbiddenError} somebody else
 */
export async function requireCreator(
  sql: Queryable,
  actor: Actor,
  creatorId: bigint,
  subjectId?: bigint,
): Promise<Standing> {
  return requireStanding(sql, actor, { creatorId, subjectId, moderators: false });
}

/**
 * Lets pass who may keep a viewer from a creator's streams: moderators any viewer, the creator also a moderator, operators
 * everybody; nobody themselves.
 * @throws {NotFoundError} no such creator or viewer
 * @throws {ForbiddenError}
 */
export async function requirePowerOver(
  sql: Queryable,
  actor: Actor,
  creatorId: bigint,
  viewerId: bigint,
): Promise<Standing> {
  const standing = await requireStanding(sql, actor, { creatorId, subjectId: viewerId, moderators: true });
  if (!standing.subject.exists) throw new NotFoundError('viewer');
  if (viewerId === actor.id) throw new ForbiddenError('You cannot restrict yourself.');
  const isProtected = standing.subject.isCreator || standing.subject.isModerator;
  if (isProtected && !standing.isCreator && !actor.isOperator) {
    throw new ForbiddenError('Only the creator can restrict a moderator, and only an operator the creator.');
  }
  return standing;
}

async function requireStanding(
  sql: Queryable,
  actor: Actor,
  of: { creatorId: bigint; subjectId: bigint | undefined; moderators: boolean },
): Promise<Standing> {
  const standing = await readStanding(sql, { ...of, actorId: actor.id });
  if (of.creatorId !== EVERYWHERE && standing.ownerId === undefined) throw new NotFoundError('creator');
  if (actor.isOperator || standing.isCreator || (of.moderators && standing.isModerator)) return standing;
  throw new ForbiddenError(
    of.creatorId === EVERYWHERE
      ? 'Only an operator of the platform can do this everywhere: name a stream or a creator.'
      : of.moderators
        ? 'Only the creator and their moderators can do this.'
        : 'Only the creator can do this.',
  );
}
