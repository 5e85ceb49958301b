/** People, streams and kinds of gift for one run of a property, made with the services and the ledger's own functions. */
import { randomUUID } from 'node:crypto';
import { accountNames } from '../../src/domains/wallet/wallet.api.ts';
import type { Services } from '../../src/graphql/context.ts';
import { freshHandle } from '../support/operations.ts';
import type { Kind, Person, Rule, Stream } from './gift-model.ts';

/** Longer than any test. */
const COOLDOWN_MS = 3_600_000;

/** Signs in somebody new who has so many coins. */
export async function person({ accounts, wallets, db }: Services, coins: number): Promise<Person> {
  const { viewer } = await accounts.signIn(freshHandle('p'));
  if (coins > 0) {
    await db.inTransaction(async (sql) => {
      const names = [accountNames.coinIssuance(), accountNames.wallet(viewer.id)];
      const [debit, credit] = await wallets.accounts(sql, names);
      const grant = { unit: 'COIN', amount: BigInt(coins), kind: 'DEMO_GRANT', causeId: viewer.id } as const;
      await wallets.post(sql, [{ debit: debit!, credit: credit!, ...grant }]);
    });
  }
  const { id, handle, displayName } = viewer;
  return { id, handle, displayName, coins, giftCap: null, capLeft: null, keptOut: undefined };
}

/** A new creator goes live at a rate of their own. */
export async function stream(
  { accounts, streams, db }: Services,
  rate: [number, number],
  live = true,
): Promise<Stream> {
  const [rateCoins, rateDiamonds] = rate;
  await db.pool.query('INSERT INTO rate_card (coins, diamonds) VALUES ($1, $2)', rate);
  const { viewer } = await accounts.signIn(freshHandle('c'));
  const id = await streams.start(viewer, 'a stream');
  if (!live) await streams.end(viewer, id);
  return { id, live, rateCoins, rateDiamonds, rules: [] };
}

/** Sets somebody's caps on a gift and on a day, of which something is spent. */
export async function limit(
  { db }: Services,
  who: Person,
  caps: { gift: number | null; day: number | null; spent: number },
) {
  await db.pool.query(
    `INSERT INTO spending_limit (viewer_id, gift_cap, day_cap, month_cap, day, day_coins, month, month_coins)
     SELECT $1, $2, $3, $3::bigint * 2, now() AT TIME ZONE 'UTC', $4, date_trunc('month', now() AT TIME ZONE 'UTC'), $4`,
    [who.id, caps.gift, caps.day, caps.spent],
  );
  who.giftCap = caps.gift;
  who.capLeft = caps.day === null ? null : Math.max(caps.day - caps.spent, 0);
}

/** Keeps somebody from gifting: in a stream, or everywhere, or for their age. */
export async function keepOut({ db }: Services, who: Person, why: NonNullable<Person['keptOut']>) {
  if (why === 'NOT_ALLOWED') {
    await db.pool.query('UPDATE viewer SET birth_date = current_date WHERE id = $1', [who.id]);
  } else {
    await db.pool.query(
      `INSERT INTO restriction (viewer_id, creator_id, banned_until, gifts_until)
       VALUES ($1, 0, CASE WHEN $2 THEN 'infinity'::timestamptz END, now() + interval '1 day')`,
      [who.id, why === 'BANNED'],
    );
  }
  who.keptOut = why;
}

/** Gives a stream's creator rules. */
export async function setRules({ db }: Services, stream: Stream, rules: readonly Omit<Rule, 'id'>[]): Promise<Stream> {
  const made: Rule[] = [];
  for (const rule of rules) {
    const { rows } = await db.pool.query<{ id: string }>(
      `WITH made AS (SELECT nextval('reaction_rule_id_seq') AS id)
       INSERT INTO reaction_rule (id, creator_id, gift_id, min_quantity, min_streak, phrase, sound, priority, cooldown_ms, duration_ms)
       SELECT m.id, s.creator_id, $2, $3, $4, 'Rule ' || m.id, 'pop', $5, $6, $7 FROM made m, stream s WHERE s.id = $1 RETURNING id::text`,
      [
        stream.id,
        rule.kindId,
        rule.minQuantity,
        rule.minStreak,
        rule.priority,
        rule.cools ? COOLDOWN_MS : 0,
        rule.durationMs,
      ],
    );
    made.push({ ...rule, id: BigInt(rows[0]!.id) });
  }
  return { ...stream, rules: made };
}

/** The kinds of gift of the seed, and one that is not sold any more. */
export async function kinds({ db, gifts }: Services): Promise<Kind[]> {
  const name = `Retired ${randomUUID().slice(0, 8)}`;
  const retired = await db.pool.query<{ id: string }>(
    'INSERT INTO gift (name, coins, active) VALUES ($1, 3, false) RETURNING id::text',
    [name],
  );
  const sold = (await gifts.list()).map((gift) => ({ ...gift, coins: Number(gift.coins), active: true }));
  return [...sold, { id: BigInt(retired.rows[0]!.id), name, coins: 3, active: false }];
}
