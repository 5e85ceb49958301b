import { type Database, rows } from '../../../db/database.ts';
import { type Charge, type ChargeRequest, type PaymentProvider, ProviderUnavailableError } from './provider.ts';

/**
 * A provider for development and tests. Tokens: `tok_ok` succeeds; `tok_timeout` succeeds, but the first answer is lost on
 * the way, as real ones sometimes are; `tok_declined` and everything else is declined. It keeps its own books, on its own
 * connection, as a provider outside would.
 */
export function createSandboxProvider(db: Database): PaymentProvider {
  /** Whoever comes first decides how a key ends. */
  const end = async ({ idempotencyKey, token, amount }: ChargeRequest, wanted: Charge['status']) => {
    const created = await rows(
      db.pool,
      `/* sandbox.charge */ INSERT INTO sandbox_charge (idempotency_key, token, amount_minor, currency, status)
       VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING status`,
      [idempotencyKey, token, amount.minorUnits, amount.currency, wanted],
    );
    if (created[0]) return { status: wanted, isNew: true };
    const [known] = await rows<{ status: Charge['status'] }>(
      db.pool,
      '/* sandbox.find */ SELECT status FROM sandbox_charge WHERE idempotency_key = $1',
      [idempotencyKey],
    );
    return { status: known!.status, isNew: false };
  };
  const chargeIdOf = (key: string) => `sandbox:${key}`;
  return {
    charge: async (request) => {
      const { token, idempotencyKey } = request;
      const { status, isNew } = await end(
        request,
        token === 'tok_ok' || token === 'tok_timeout' ? 'SUCCEEDED' : 'DECLINED',
      );
      if (isNew && token === 'tok_timeout') throw new ProviderUnavailableError('the sandbox lost its answer');
      return { status, chargeId: chargeIdOf(idempotencyKey) };
    },
    cancel: async (request) => ({
      status: (await end(request, 'CANCELLED')).status,
      chargeId: chargeIdOf(request.idempotencyKey),
    }),
    refund: async ({ idempotencyKey, chargeKey, amount }) => {
      await rows(
        db.pool,
        `/* sandbox.refund */ INSERT INTO sandbox_refund (idempotency_key, charge_key, amount_minor)
         VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
        [idempotencyKey, chargeKey, amount.minorUnits],
      );
    },
  };
}
