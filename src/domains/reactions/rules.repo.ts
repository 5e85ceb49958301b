import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';

/** What a rule says; exactly one of the two minimums is set. */
export type RuleDraft = {
  giftId: bigint;
  /** So many in one call. */
  minQuantity: number | null;
  /** When a streak reaches so many. */
  minStreak: number | null;
  phrase: string;
  animation: string | null;
  sound: string | null;
  priority: number;
  cooldownMs: number;
  durationMs: number;
};

/** A rule, with its gift as it is now. */
export type RuleRow = RuleDraft & {
  id: bigint;
  creatorId: bigint;
  active: boolean;
  giftName: string;
  giftCoins: bigint;
};

const COLUMNS = `u.id, u.creator_id AS "creatorId", u.gift_id AS "giftId", u.min_quantity AS "minQuantity", u.min_streak AS "minStreak",
  u.phrase, u.animation, u.sound, u.priority, u.cooldown_ms AS "cooldownMs", u.duration_ms AS "durationMs", u.active,
  g.name AS "giftName", g.coins AS "giftCoins"`;
const BY_ID = lookUpStatements(
  'reactions.ruleById',
  (equals) => `SELECT ${COLUMNS} FROM reaction_rule u JOIN gift g ON g.id = u.gift_id WHERE u.id ${equals}`,
);
const IN_FORCE = lookUpStatements(
  'reactions.rulesOf',
  (equals) => `SELECT ${COLUMNS} FROM reaction_rule u JOIN gift g ON g.id = u.gift_id
    WHERE u.creator_id ${equals} AND u.active ORDER BY u.creator_id, u.id`,
);

/** Rules by id, in force or not, in one statement, in any order. */
export function findRules(sql: Queryable, ids: readonly bigint[]): Promise<RuleRow[]> {
  return lookUp<RuleRow>(sql, BY_ID, ids);
}

/** The rules of creators that are in force, in one statement, oldest first. */
export function findRulesOf(sql: Queryable, creatorIds: readonly bigint[]): Promise<RuleRow[]> {
  return lookUp<RuleRow>(sql, IN_FORCE, creatorIds);
}

/** Locks a creator, so that their rules are as they are until the transaction ends. Before everything in the lock order. */
export async function lockCreator(sql: SqlTransaction, creatorId: bigint): Promise<void> {
  await rows(sql, '/* reactions.lockCreator */ SELECT FROM creator WHERE id = $1 FOR NO KEY UPDATE', [creatorId]);
}

/** How many rules of a creator are in force. */
export async function countRules(sql: SqlTransaction, creatorId: bigint): Promise<number> {
  const [counted] = await rows<{ count: number }>(
    sql,
    '/* reactions.countRules */ SELECT count(*)::int AS count FROM reaction_rule WHERE creator_id = $1 AND active',
    [creatorId],
  );
  return counted!.count;
}

/** Whether a gift is on sale. */
export async function isGiftOnSale(sql: SqlTransaction, giftId: bigint): Promise<boolean> {
  return (await rows(sql, '/* reactions.gift */ SELECT FROM gift WHERE id = $1 AND active', [giftId])).length > 0;
}

/** Inserts a rule; returns its id. */
export async function insertRule(sql: SqlTransaction, creatorId: bigint, rule: RuleDraft): Promise<bigint> {
  const [inserted] = await rows<{ id: bigint }>(
    sql,
    `/* reactions.insertRule */ INSERT INTO reaction_rule (creator_id, gift_id, min_quantity, min_streak, phrase, animation, sound,
       priority, cooldown_ms, duration_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id`,
    [creatorId, ...values(rule)],
  );
  return inserted!.id;
}

/** Puts other values into a rule. What waits already is a copy, and stays as it is. */
export async function writeRule(sql: SqlTransaction, ruleId: bigint, rule: RuleDraft): Promise<void> {
  await rows(
    sql,
    `/* reactions.writeRule */ UPDATE reaction_rule SET gift_id = $2, min_quantity = $3, min_streak = $4, phrase = $5, animation = $6,
       sound = $7, priority = $8, cooldown_ms = $9, duration_ms = $10 WHERE id = $1`,
    [ruleId, ...values(rule)],
  );
}

/** Takes a rule out of force, for good. Returns whether it was in force. */
export async function deactivateRule(sql: SqlTransaction, ruleId: bigint): Promise<boolean> {
  const changed = await rows(
    sql,
    '/* reactions.deactivateRule */ UPDATE reaction_rule SET active = false WHERE id = $1 AND active RETURNING 1',
    [ruleId],
  );
  return changed.length > 0;
}

/** A rule, whether it is in force, and the viewer whose it is. Locked. */
export async function lockRule(
  sql: SqlTransaction,
  ruleId: bigint,
): Promise<(RuleDraft & { creatorId: bigint; viewerId: bigint; active: boolean }) | undefined> {
  const [rule] = await rows<RuleDraft & { creatorId: bigint; viewerId: bigint; active: boolean }>(
    sql,
    `/* reactions.lockRule */ SELECT ${COLUMNS}, c.viewer_id AS "viewerId" FROM reaction_rule u
       JOIN gift g ON g.id = u.gift_id JOIN creator c ON c.id = u.creator_id WHERE u.id = $1 FOR NO KEY UPDATE OF u`,
    [ruleId],
  );
  return rule;
}

function values(rule: RuleDraft): unknown[] {
  const { giftId, minQuantity, minStreak, phrase, animation, sound, priority, cooldownMs, durationMs } = rule;
  return [giftId, minQuantity, minStreak, phrase, animation, sound, priority, cooldownMs, durationMs];
}
