import type { Database, SqlTransaction } from '../../db/database.ts';
import { callOnce } from '../../db/idempotent.ts';
import { createLists, createLookUp } from '../../db/look-up.ts';
import { ForbiddenError, InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import { hashInput } from '../../kernel/idempotency.ts';
import type { Live } from '../../live/live.ts';
import { topics } from '../../live/topics.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { ensureCreator } from '../creators/creators.api.ts';
import { RULES_MAX } from './reactions.limits.ts';
import {
  countRules,
  deactivateRule,
  findRules,
  findRulesOf,
  insertRule,
  isGiftOnSale,
  lockCreator,
  lockRule,
  type RuleDraft,
  type RuleRow,
  writeRule,
} from './rules.repo.ts';

/** What is to change of a rule; undefined stays as it is. A minimum that is given takes the place of the other one. */
export type RuleChange = { [Field in keyof RuleDraft]?: RuleDraft[Field] | undefined };

const OPERATION = 'createReactionRule';

/** What creators do for which gifts. A change is for later gifts: what waits already is a copy of its rule. */
export class ReactionRules {
  /** A rule by id, in force or not; null when there is none. */
  readonly find: (id: bigint) => Promise<RuleRow | null>;
  /** A creator's rules that are in force, oldest first. */
  readonly of: (creatorId: bigint) => Promise<RuleRow[]>;

  constructor(private readonly deps: { db: Database; live: Live }) {
    const { pool } = deps.db;
    this.find = createLookUp(
      (ids) => findRules(pool, ids),
      ({ id }) => id,
    );
    this.of = createLists(
      (creatorIds) => findRulesOf(pool, creatorIds),
      ({ creatorId }) => creatorId,
    );
  }

  /**
   * Makes a rule, once per key. Whoever makes one is a creator from then on, if they were not.
   * @throws {NotFoundError} no such gift on sale
   * @throws {InvalidInputError} there are as many rules as there may be
   * @throws {IdempotencyConflictError} the key stands for another rule
   */
  async create(
    actor: Actor,
    rule: RuleDraft & { idempotencyKey: string },
  ): Promise<{ ruleId: bigint; replayed: boolean }> {
    const { idempotencyKey, ...draft } = rule;
    const call = { actorId: actor.id, operation: OPERATION, key: idempotencyKey, inputHash: hashInput(draft) };
    const changed: string[] = [];
    const { result, replayed } = await callOnce(this.deps.db, call, async (sql) => {
      const { creatorId, isNew } = await ensureCreator(sql, actor.id);
      await lockCreator(sql, creatorId);
      if (!(await isGiftOnSale(sql, draft.giftId))) throw new NotFoundError('gift');
      await checkRoom(sql, creatorId);
      const ruleId = await insertRule(sql, creatorId, draft);
      changed.splice(0, changed.length, topics.reactionRules(creatorId), ...(isNew ? [topics.creators] : []));
      return { ruleId: String(ruleId) };
    });
    if (!replayed) this.deps.live.changes.announce(changed);
    return { ruleId: BigInt(result.ruleId), replayed };
  }

  /**
   * Changes a rule that is in force.
   * @throws {NotFoundError} no such rule in force, or no such gift on sale
   * @throws {ForbiddenError} it is somebody else's
   */
  async update(actor: Actor, ruleId: bigint, change: RuleChange): Promise<void> {
    const creatorId = await this.deps.db.inTransaction(async (sql) => {
      const { viewerId: _, creatorId, active, ...known } = await lockOwn(sql, actor, ruleId);
      if (!active) throw new NotFoundError('rule');
      const rule = applyChange(known, change);
      if (rule.giftId !== known.giftId && !(await isGiftOnSale(sql, rule.giftId))) throw new NotFoundError('gift');
      await writeRule(sql, ruleId, rule);
      return creatorId;
    });
    this.deps.live.changes.announce([topics.reactionRules(creatorId)]);
  }

  /**
   * Takes a rule out of force, for good; what waits because of it stays. Doing so again changes nothing.
   * @throws {NotFoundError} no such rule
   * @throws {ForbiddenError} it is somebody else's
   */
  async delete(actor: Actor, ruleId: bigint): Promise<{ replayed: boolean }> {
    const { creatorId, changed } = await this.deps.db.inTransaction(async (sql) => {
      const { creatorId } = await lockOwn(sql, actor, ruleId);
      return { creatorId, changed: await deactivateRule(sql, ruleId) };
    });
    if (changed) this.deps.live.changes.announce([topics.reactionRules(creatorId)]);
    return { replayed: !changed };
  }
}

/** A rule with a change. */
export function applyChange(rule: RuleDraft, change: RuleChange): RuleDraft {
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  const changed: RuleDraft = { ...rule, ...given };
  if (change.minQuantity != null) changed.minStreak = null;
  else if (change.minStreak != null) changed.minQuantity = null;
  return changed;
}

async function lockOwn(sql: SqlTransaction, actor: Actor, ruleId: bigint) {
  const rule = await lockRule(sql, ruleId);
  if (!rule) throw new NotFoundError('rule');
  if (rule.viewerId !== actor.id) throw new ForbiddenError('Only the creator whose rule it is can change it.');
  return rule;
}

async function checkRoom(sql: SqlTransaction, creatorId: bigint): Promise<void> {
  if ((await countRules(sql, creatorId)) < RULES_MAX) return;
  const message = `A creator has ${RULES_MAX} rules at the most: delete one first.`;
  throw new InvalidInputError([{ path: 'input', message }]);
}
