import { type Database, rows, type SqlTransaction, statement } from '../../../db/database.ts';
import { classifyBatchError } from '../../../db/sql-errors.ts';
import { assert } from '../../../kernel/assert.ts';
import { OverloadedError } from '../../../kernel/errors.ts';
import { GroupCommit } from '../../../kernel/group-commit.ts';
import {
  type Charge,
  type ChargeRequest,
  type PaymentProvider,
  ProviderUnavailableError,
  type RefundRequest,
} from './provider.ts';

/** Charges in one statement at the most. */
const BATCH_MAX = 500;
/** Charges that may wait at the most. */
const QUEUE_MAX = 10_000;
const RETRY_AFTER_MS = 500;
const ATTEMPTS_MAX = 5;

/** How charges with a token end. Whatever is not here is declined. */
const ENDINGS: ReadonlyMap<string, Charge['status']> = new Map([
  ['tok_ok', 'SUCCEEDED'],
  ['tok_timeout', 'SUCCEEDED'],
]);
/** The first answer to these is lost on the way, as real ones sometimes are. */
const LOST_ANSWERS: ReadonlySet<string> = new Set(['tok_timeout', 'tok_timeout_declined']);
/** Charges with this one never get there. */
const UNREACHABLE = 'tok_unreachable';

/** A charge, and how it is to end if nobody has ended it before. */
type Ending = { request: ChargeRequest; wanted: Charge['status'] };
type Entry = { key: string; amount: bigint; currency: string; status: Charge['status'] };

// In the order of the keys: two servers that end the same ones at once do not wait for each other in a circle.
const END = statement(
  'sandbox.end',
  `INSERT INTO sandbox_charge (idempotency_key, token, amount_minor, currency, status)
   SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[]) c(key, token, amount, currency, status)
    ORDER BY c.key ON CONFLICT DO NOTHING
   RETURNING idempotency_key AS key, amount_minor AS amount, currency, status`,
);
const FIND = statement(
  'sandbox.find',
  `SELECT idempotency_key AS key, amount_minor AS amount, currency, status FROM sandbox_charge WHERE idempotency_key = ANY($1)`,
);

/**
 * A provider for development and tests. Tokens: `tok_ok` succeeds; `tok_timeout` succeeds, but the first answer is lost;
 * `tok_timeout_declined` is declined, and the first answer is lost; `tok_unreachable` never gets there; `tok_declined` and
 * everything else is declined. It keeps its own books, in statements of its own, as a provider outside would.
 *
 * Whoever comes first decides how a key ends. Charges that queue up while others are written are one statement.
 */
export function createSandboxProvider(db: Database): PaymentProvider {
  const writer = new GroupCommit<Ending, { entry: Entry; isNew: boolean }>({
    watched: { name: 'sandbox', instruments: db.instruments },
    commit: (batch) => endAll(db, batch),
    batchMax: BATCH_MAX,
    queueMax: QUEUE_MAX,
    retryAfterMs: RETRY_AFTER_MS,
    attemptsMax: ATTEMPTS_MAX,
    classify: classifyBatchError,
  });
  const end = (request: ChargeRequest, wanted: Charge['status']) =>
    writer.submit({ request, wanted }).catch((error: unknown) => {
      throw error instanceof OverloadedError ? new ProviderUnavailableError('the sandbox is busy') : error;
    });
  const chargeIdOf = (key: string) => `sandbox:${key}`;
  return {
    charge: async (request) => {
      const { token, idempotencyKey } = request;
      if (token === UNREACHABLE) throw new ProviderUnavailableError('the sandbox was not reached');
      const { entry, isNew } = await end(request, ENDINGS.get(token) ?? 'DECLINED');
      const isSame = entry.amount === request.amount.minorUnits && entry.currency === request.amount.currency;
      assert(isSame, 'a key stands for one amount');
      if (isNew && LOST_ANSWERS.has(token)) throw new ProviderUnavailableError('the sandbox lost its answer');
      return { status: entry.status, chargeId: chargeIdOf(idempotencyKey) };
    },
    cancel: async (request) => ({
      status: (await end(request, 'CANCELLED')).entry.status,
      chargeId: chargeIdOf(request.idempotencyKey),
    }),
    refund: (request) => db.inTransaction((sql) => refund(sql, request)),
    close: () => writer.close(),
  };
}

/** Ends charges, in order: the first of a key decides, be it in this batch, in an earlier one or in another process. */
async function endAll(db: Database, batch: readonly Ending[]) {
  const first = new Map<string, Ending>();
  for (const ending of batch) {
    if (!first.has(ending.request.idempotencyKey)) first.set(ending.request.idempotencyKey, ending);
  }
  const wanted = [...first.values()];
  const created = await rows<Entry>(db.pool, END, [
    [...first.keys()],
    wanted.map(({ request }) => request.token),
    wanted.map(({ request }) => request.amount.minorUnits),
    wanted.map(({ request }) => request.amount.currency),
    wanted.map(({ wanted: status }) => status),
  ]);
  const entries = new Map(created.map((entry) => [entry.key, entry]));
  const isNew = new Set(entries.keys());
  const others = [...first.keys()].filter((key) => !isNew.has(key));
  // A statement of its own: it sees what another process has committed since the first one began.
  if (others.length > 0) for (const entry of await rows<Entry>(db.pool, FIND, [others])) entries.set(entry.key, entry);
  return batch.map((ending) => {
    const { idempotencyKey: key } = ending.request;
    return { entry: entries.get(key)!, isNew: isNew.has(key) && first.get(key) === ending };
  });
}

/** Gives money back, once per key. What callers may not ask for is a defect of theirs, as it would be with a real provider. */
async function refund(sql: SqlTransaction, { idempotencyKey, chargeKey, amount }: RefundRequest): Promise<void> {
  // The lock makes refunds of one charge wait for each other.
  const [charge] = await rows<Entry>(
    sql,
    `/* sandbox.lock */ SELECT idempotency_key AS key, amount_minor AS amount, currency, status FROM sandbox_charge
      WHERE idempotency_key = $1 FOR NO KEY UPDATE`,
    [chargeKey],
  );
  assert(charge?.status === 'SUCCEEDED', 'only a charge that succeeded is refunded');
  assert(charge.currency === amount.currency, 'a refund has the currency of its charge');
  const refunds = await rows<{ key: string; chargeKey: string; amount: bigint }>(
    sql,
    `/* sandbox.refunds */ SELECT idempotency_key AS key, charge_key AS "chargeKey", amount_minor AS amount FROM sandbox_refund
      WHERE charge_key = $1 OR idempotency_key = $2`,
    [chargeKey, idempotencyKey],
  );
  const known = refunds.find(({ key }) => key === idempotencyKey);
  if (known) {
    assert(known.chargeKey === chargeKey && known.amount === amount.minorUnits, 'a key stands for one refund');
    return;
  }
  const refunded = refunds.reduce((sum, earlier) => sum + earlier.amount, 0n);
  assert(refunded + amount.minorUnits <= charge.amount, 'no more is refunded than was charged');
  await rows(
    sql,
    `/* sandbox.refund */ INSERT INTO sandbox_refund (idempotency_key, charge_key, amount_minor) VALUES ($1, $2, $3)`,
    [idempotencyKey, chargeKey, amount.minorUnits],
  );
}
