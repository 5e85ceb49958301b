import { AMOUNT_MAX, fractionDigits, type Money } from '../../../kernel/money.ts';

/*
 * What Stripe's page "Supported currencies" says of digits. Everything else has two.
 * HUF and TWD have two as well when they are charged; only payouts are whole there.
 */
const NO_DIGITS = 'BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF'.split(' ');
const THREE_DIGITS = 'BHD JOD KWD OMR TND'.split(' ');
/** Written with two digits that have to be zeros. */
const WHOLE_ONLY = ['ISK'];
/** That page lists it as one without digits, and shows it with two: a guess would be wrong by a factor of 100. */
const CONTRADICTED = ['UGX'];

/**
 * An amount in the unit that Stripe has for the currency, which is not always ours: 500 ISK are 50000 there.
 * Undefined when Stripe cannot charge it: fractions of a króna, the last digit of a dinar, a currency that it is unclear about.
 */
export function toStripeAmount({ minorUnits, currency }: Money): number | undefined {
  const unit = unitOf(currency);
  if (!unit) return undefined;
  const amount = unit.shift < 0 ? minorUnits / unit.factor : minorUnits * unit.factor;
  if (unit.shift < 0 && minorUnits % unit.factor !== 0n) return undefined;
  return amount % unit.step === 0n && amount <= AMOUNT_MAX ? Number(amount) : undefined;
}

/** What Stripe calls this amount of the currency ("usd"), in our unit. Undefined when ours is too coarse, or the unit unclear. */
export function fromStripeAmount(amount: number, stripeCurrency: string): Money | undefined {
  const currency = stripeCurrency.toUpperCase();
  const unit = unitOf(currency);
  if (!unit) return undefined;
  const exact = BigInt(amount);
  if (unit.shift < 0) return { minorUnits: exact * unit.factor, currency };
  return exact % unit.factor === 0n ? { minorUnits: exact / unit.factor, currency } : undefined;
}

/** How many digits Stripe's unit has beyond ours, as a number and as a factor, and what its amounts are multiples of. */
function unitOf(currency: string): { shift: number; factor: bigint; step: bigint } | undefined {
  if (CONTRADICTED.includes(currency)) return undefined;
  const digits = NO_DIGITS.includes(currency) ? 0 : THREE_DIGITS.includes(currency) ? 3 : 2;
  const shift = digits - fractionDigits(currency);
  const step = WHOLE_ONLY.includes(currency) ? 100n : digits === 3 ? 10n : 1n;
  return { shift, factor: 10n ** BigInt(Math.abs(shift)), step };
}
