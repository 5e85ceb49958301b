import { rows } from '../src/db/database.ts';
import { DURATION_MS_DEFAULT } from '../src/domains/reactions/reactions.limits.ts';
import type { Services } from '../src/graphql/context.ts';

/** What the demo's NPC creator does for which gifts. A single rose earns nothing, so that the feed can be tried without. */
const DEMO_RULES = [
  {
    gift: 'Ice Cream',
    minQuantity: 1,
    phrase: 'Ice cream so good!',
    animation: 'ice_cream',
    sound: 'mmm',
    priority: 0,
  },
  { gift: 'Rose', minStreak: 10, phrase: 'Yes yes yes!', animation: 'nod', sound: 'yes', priority: 0 },
  { gift: 'Heart', minQuantity: 1, phrase: 'Gang gang!', animation: 'hearts', sound: 'gang', priority: 1 },
  {
    gift: 'Galaxy',
    minQuantity: 1,
    phrase: 'You got me feeling like a cowgirl!',
    animation: 'lasso',
    sound: 'yeehaw',
    priority: 10,
  },
];

/** Gives the demo's NPC creator, who exists, rules and a clock that performs. Once: what visitors change stays so. */
export async function seedDemoReactions(services: Services, handle: string): Promise<void> {
  const { accounts, db, gifts, reactions } = services;
  const { viewer } = await accounts.signIn(handle);
  const [known] = await rows(
    db.pool,
    `/* seed.knownRules */ SELECT FROM reaction_rule u JOIN creator c ON c.id = u.creator_id WHERE c.viewer_id = $1 LIMIT 1`,
    [viewer.id],
  );
  if (known) return;
  const onSale = await gifts.list();
  await reactions.setAutoPerform(viewer, true);
  for (const [index, { gift, minQuantity = null, minStreak = null, ...rule }] of DEMO_RULES.entries()) {
    const giftId = onSale.find(({ name }) => name === gift)?.id;
    if (giftId === undefined) continue;
    // The key: of servers that start at the same moment one makes the rule.
    const idempotencyKey = `demo-rule-${index}`;
    const times = { cooldownMs: 0, durationMs: DURATION_MS_DEFAULT };
    await reactions.rules.create(viewer, { ...rule, ...times, giftId, minQuantity, minStreak, idempotencyKey });
  }
}
