import { type Database, rows } from '../../../db/database.ts';
import { type Charge, type PaymentProvider, ProviderUnavailableError } from './provider.ts';

/**
 * A provider for development and tests. Tokens: `tok_ok` succeeds; `tok_timeout` succeeds, but the first answer is lost on
 * the way, as real ones sometimes are; `tok_declined` and everything else is declined. It keeps its own books, on its own
 * connection, as a provider outside would.
 */
export function createSandboxProvider(db: Database): PaymentProvider {
  return {
    charge: async ({ idempotencyKey, token, amount }) => {
      const status = token === 'tok_ok' || token === 'tok_timeout' ? 'SUCCEEDED' : 'DECLINED';
      const created = await rows<Charge>(
        db.pool,
        `/* sandbox.charge */ INSERT INTO sandbox_charge (idempotency_key, token, amount_minor, currency, status)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING status`,
        [idempotencyKey, token, amount.minorUnits, amount.currency, status],
      );
      if (created[0]) {
        if (token === 'tok_timeout') throw new ProviderUnavailableError('the sandbox lost its answer');
        return created[0];
      }
      const [known] = await rows<Charge>(
        db.pool,
        '/* sandbox.find */ SELECT status FROM sandbox_charge WHERE idempotency_key = $1',
        [idempotencyKey],
      );
      return known!;
    },
  };
}
