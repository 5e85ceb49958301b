/** The largest amount of anything: what a JSON number and a Postgres CHECK both hold exactly (2^53 − 1). */
export const AMOUNT_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** An amount of fiat money in minor units (cents) of an ISO 4217 currency. */
export type Money = { minorUnits: bigint; currency: string };

/** The amount as people write it: "9.99", "500" for a currency without minor units. */
export function formatAmount({ minorUnits, currency }: Money): string {
  const digits = fractionDigits(currency);
  if (digits === 0) return String(minorUnits);
  const sign = minorUnits < 0n ? '-' : '';
  const all = String(minorUnits < 0n ? -minorUnits : minorUnits).padStart(digits + 1, '0');
  return `${sign}${all.slice(0, -digits)}.${all.slice(-digits)}`;
}

const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** Whether a text is the ISO 4217 code of a currency, in capital letters. */
export function isCurrency(code: string): boolean {
  return CURRENCIES.has(code);
}

const DIGITS = new Map<string, number>();

/** Digits of a currency behind the point, from the runtime's own CLDR data: 2 for USD, 0 for JPY. */
export function fractionDigits(currency: string): number {
  let digits = DIGITS.get(currency);
  if (digits === undefined) {
    digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
    // Asking takes long. There are few currencies, and no more are remembered, whatever the code.
    if (isCurrency(currency)) DIGITS.set(currency, digits);
  }
  return digits;
}

/** The smaller of two amounts. */
export function least(one: bigint, other: bigint): bigint {
  if (one < other) return one;
  return other;
}
