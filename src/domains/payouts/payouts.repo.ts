import { rows, type SqlTransaction } from '../../db/database.ts';

/** Balances of accounts, in the order of their ids as given. */
export async function readBalances(sql: SqlTransaction, accountIds: readonly bigint[]): Promise<bigint[]> {
  const found = await rows<{ balance: bigint }>(
    sql,
    `/* payouts.balances */ SELECT a.balance FROM unnest($1::bigint[]) WITH ORDINALITY n(id, position)
       JOIN ledger_account a ON a.id = n.id ORDER BY n.position`,
    [accountIds],
  );
  return found.map(({ balance }) => balance);
}
