import type { TokenProblem } from '../../kernel/errors.ts';
import type { Ages } from './ages.ts';
import type { RegionRules } from './region-rules.ts';

export { type AddressRow, findAddresses } from './addresses.repo.ts';

/** The signed-in viewer on whose behalf a request is made. */
export type Actor = {
  id: bigint;
  handle: string;
  displayName: string;
  expiresAt: Date;
  /** Runs the platform: sees the books, and acts against anybody (OPERATORS). */
  isOperator: boolean;
};

/** What the feed shows of a person, frozen at the time of the event. */
export type Profile = { id: number; handle: string; displayName: string };

/** Who a token stands for; without a valid one, why there is nobody. */
export type Authentication =
  | { actor: Actor; tokenProblem: undefined }
  | { actor: undefined; tokenProblem: TokenProblem };

/** People and their tokens, as other parts may use them. */
export type Accounts = {
  /** Checks a token and finds its viewer; a subject that comes for the first time becomes a viewer. */
  authenticate: (token: string | undefined) => Promise<Authentication>;
  /**
   * Demo mode: signs in whoever asks, and makes the viewer at the first sign-in.
   * @throws {InvalidInputError} when the handle breaks the rules
   */
  signIn: (handle: string) => Promise<{ token: string; expiresAt: Date; viewer: Actor }>;
  /** How old viewers are and where they live, as they have declared it. */
  ages: Ages;
  /** Where gifts are allowed, and from which age on. */
  regions: RegionRules;
};
