/**
 * How signals become a score: forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay: A Practical Time Decay Model for
 * Streaming Systems", ICDE 2009). A signal is worth its weight, halved with every half-life that passes. Instead of making all scores
 * smaller as time goes by, a newer signal is made larger, by 2^(half-lives since a fixed moment): the order is the same at any time,
 * and a score is written only when something speaks for its product. As such numbers outgrow any type, their base-2 logarithm is kept.
 */

/** After so long a signal is worth half. */
export const HALF_LIFE_S = 6 * 3_600;
/** Since when half-lives are counted. Never changes: what is stored is relative to it, as it is to the half-life. */
export const EPOCH_S = Date.UTC(2026, 0, 1) / 1_000;

/** What each kind of signal is worth: one view, one pin, one unit bought, one coin given while the product is pinned. */
export const WEIGHTS = { VIEW: 1, PIN: 20, PURCHASE: 50, GIFT: 0.1 } as const;

/** Log2 of the score under which a product no longer trends: about a thousandth of a view. */
export const NEGLIGIBLE_LOG = -10;

/** SQL: half-lives from the epoch to a moment. */
export function halfLivesUntil(moment: string): string {
  return `((extract(epoch FROM ${moment})::float8 - ${EPOCH_S}) / ${HALF_LIFE_S})`;
}

/** SQL: log2(x). */
export function log2(x: string): string {
  return `(ln(${x}) / ln(2::float8))`;
}

/** SQL: 2^x for an x that is not positive. What is too small for a number is next to nothing, where Postgres would refuse. */
export function smallPower(x: string): string {
  return `power(2::float8, greatest(${x}, -1000))`;
}
