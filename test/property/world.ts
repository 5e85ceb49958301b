/** People, streams and kinds of gift for one run of a property, made with the services and the ledger's own functions. */
import { randomUUID } from 'node:crypto';
import { accountNames } from '../../src/domains/wallet/wallet.api.ts';
import type { Services } from '../../src/graphql/context.ts';
import { freshHandle } from '../support/operations.ts';
import type { Kind, Person, Stream } from './gift-model.ts';

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
  return { id: viewer.id, handle: viewer.handle, displayName: viewer.displayName, coins };
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
  return { id, live, rateCoins, rateDiamonds };
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
