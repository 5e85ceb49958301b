import { type Database, rows, statement } from '../../../db/database.ts';
import { assert } from '../../../kernel/assert.ts';
import { ProviderUnavailableError } from '../../payments/payments.api.ts';
import type { AccountStanding, PayoutOutcome, PayoutProvider } from './provider.ts';

/** How payouts to an account end; all others are paid, if they get so far. */
const FAILS: ReadonlySet<string> = new Set(['acct_fails', 'acct_timeout_fails']);
/** The first answer to these is lost on the way, as real ones sometimes are. */
const LOST_ANSWERS: ReadonlySet<string> = new Set(['acct_timeout', 'acct_timeout_fails']);
/** Payouts to this one never get there. */
const UNREACHABLE = 'acct_unreachable';

/** How accounts stand. Whatever is not here is rejected. */
const STANDINGS: ReadonlyMap<string, AccountStanding> = new Map([
  ['acct_ok', 'VERIFIED'],
  ['acct_fails', 'VERIFIED'],
  ['acct_timeout', 'VERIFIED'],
  ['acct_timeout_fails', 'VERIFIED'],
  ['acct_unreachable', 'VERIFIED'],
  ['acct_review', 'PENDING'],
]);

type Entry = { accountToken: string; amount: bigint; currency: string; status: PayoutOutcome['status'] };
const COLUMNS = 'account_token AS "accountToken", amount_minor AS amount, currency, status';

const END = statement(
  'sandboxPayouts.end',
  `INSERT INTO sandbox_payout (idempotency_key, account_token, amount_minor, currency, status)
   VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
);
const FIND = statement('sandboxPayouts.find', `SELECT ${COLUMNS} FROM sandbox_payout WHERE idempotency_key = $1`);

/**
 * A payout provider for development and tests. Accounts: `acct_ok` is verified and paid; `acct_fails` is verified, and payouts to it
 * fail; `acct_timeout` and `acct_timeout_fails` do the same, but the first answer is lost; payouts to `acct_unreachable` never get
 * there; `acct_review` waits for an operator, and is then paid; everything else is rejected. It keeps its own books, in statements of
 * its own, as a provider outside would. Whoever comes first decides how a key ends.
 */
export function createSandboxPayouts({ pool }: Pick<Database, 'pool'>): PayoutProvider {
  return {
    pay: async ({ idempotencyKey: key, accountToken, amount }) => {
      if (accountToken === UNREACHABLE) throw new ProviderUnavailableError('the sandbox was not reached');
      const wanted = FAILS.has(accountToken) ? 'FAILED' : 'PAID';
      const [made] = await rows<Entry>(pool, END, [key, accountToken, amount.minorUnits, amount.currency, wanted]);
      const entry = made ?? (await rows<Entry>(pool, FIND, [key]))[0];
      const isSame =
        entry?.accountToken === accountToken &&
        entry.amount === amount.minorUnits &&
        entry.currency === amount.currency;
      assert(isSame, 'a key stands for one payout');
      if (made && LOST_ANSWERS.has(accountToken)) throw new ProviderUnavailableError('the sandbox lost its answer');
      return entry.status === 'PAID' ? { status: 'PAID', providerId: `sandbox:${key}` } : { status: 'FAILED' };
    },
    check: async (accountToken) => STANDINGS.get(accountToken) ?? 'REJECTED',
  };
}
