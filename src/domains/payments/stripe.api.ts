/**
 * Stripe, as other domains may use it. Loads the stripe package: imported only where Stripe is configured, so apart from what the
 * domain shows otherwise.
 */
export { KEY_METADATA } from './providers/stripe.ts';
export { toStripeAmount } from './providers/stripe-amounts.ts';
export {
  isKeyConflict,
  isStoredFailure,
  StripeClient,
  type StripeClientOptions,
  StripeRefusal,
} from './providers/stripe-client.ts';
