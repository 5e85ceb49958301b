/** Stripe for one test: a stub, and adapters that talk to it over HTTP with connections of their own, as servers do. */
import { pino } from 'pino';
import { test as base } from 'vitest';
import { connectDatabase } from '../../../src/db/database.ts';
import type { ChargeRequest } from '../../../src/domains/payments/payments.api.ts';
import { StripeProvider } from '../../../src/domains/payments/providers/stripe.ts';
import { LOG_LEVEL } from '../../support/app.ts';
import { cloneDatabase } from '../../support/database.ts';
import { pm, STRIPE_SECRETS, type StripeStub, startStripeStub } from '../../support/stripe-stub.ts';

/** How long an impatient adapter waits for a stub that says nothing; one that answers does so sooner, also on a slow machine. */
const IMPATIENT_MS = 1_000;

/** An adapter, and what it logs. It waits for as long as in production, unless it is told not to. */
export function adapterOn(
  url: string,
  stub: StripeStub,
  { secretKey = STRIPE_SECRETS.secretKey, ...limits }: { secretKey?: string; silenceMsMax?: number } = {},
) {
  const lines: string[] = [];
  const log = pino(
    { level: 'debug' },
    {
      write: (line: string) => {
        lines.push(line);
        if (LOG_LEVEL !== 'silent') process.stderr.write(line);
      },
    },
  );
  const db = connectDatabase(url, log);
  const provider = new StripeProvider({ db, log }, secretKey, { ...stub.options, ...limits });
  return { provider, lines, close: () => provider.close().then(() => db.close()) };
}

/**
 * - `db`: one for the file; what Stripe has to do with it is forgotten before each test
 * - `stub`: Stripe
 * - `stripe`: an adapter on it; `lines`: what it has logged
 * - `other`: one of another server on the same database
 * - `impatient`: one that soon gives up, for a stub that hangs
 */
export const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from here.
  .extend('db', { scope: 'file' }, async ({}, { onCleanup }) => {
    const db = await cloneDatabase();
    onCleanup(() => db.drop());
    return db;
  })
  .extend('stub', async ({ db }, { onCleanup }) => {
    await db.pool.query('TRUNCATE stripe_charge');
    const stub = await startStripeStub();
    onCleanup(() => stub.close());
    return stub;
  })
  .extend('adapter', ({ db, stub }, { onCleanup }) => {
    const adapter = adapterOn(db.url, stub);
    onCleanup(() => adapter.close());
    return adapter;
  })
  .extend('stripe', ({ adapter }) => adapter.provider)
  .extend('lines', ({ adapter }) => adapter.lines)
  .extend('other', ({ db, stub }, { onCleanup }) => {
    const adapter = adapterOn(db.url, stub);
    onCleanup(() => adapter.close());
    return adapter.provider;
  })
  .extend('impatient', ({ db, stub }, { onCleanup }) => {
    const adapter = adapterOn(db.url, stub, { silenceMsMax: IMPATIENT_MS });
    onCleanup(() => adapter.close());
    return adapter.provider;
  });

/** A charge of 1.00 USD. */
export function chargeOf(key: string, token: string = pm.ok): ChargeRequest {
  return { idempotencyKey: key, token, amount: { minorUnits: 100n, currency: 'USD' } };
}
