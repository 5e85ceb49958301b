import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import { every, FAILED, type Periodic } from '../../kernel/every.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { ProviderUnavailableError } from '../payments/payments.api.ts';
import { decideIdentity, type IdentityRow, readIdentity, submitIdentity, takeOpenIdentities } from './identity.repo.ts';
import { CHECK_IDENTITY_EVERY_MS, type PayoutsOptions, RECOVERY_INTERVAL_MS } from './payouts.limits.ts';
import { findCreatorOf } from './payouts.repo.ts';
import { IDENTITY_DECISIONS } from './payouts.state.ts';
import type { PayoutProvider } from './providers/provider.ts';

/** Identities that one sweep asks the provider about at once, and rounds of a sweep. */
const CHECKED_AT_ONCE_MAX = 10;
const ROUNDS_PER_SWEEP_MAX = 100;

type Deps = { db: Database; provider: PayoutProvider; log: Logger };

/**
 * Who creators are, as far as the provider knows: papers never reach us, only the token of the account that the provider has opened for
 * them. The provider decides, or an operator where it leaves that open; until then it is asked again now and then.
 */
export class Identities {
  #checking: Periodic | undefined;
  #closing = false;

  constructor(
    private readonly deps: Deps,
    private readonly options: PayoutsOptions = {},
  ) {}

  /** A creator's identity; undefined while none was submitted. */
  read(creatorId: bigint): Promise<IdentityRow | undefined> {
    return readIdentity(this.deps.db.pool, creatorId);
  }

  /**
   * Submits the account that payouts go to. The same one again changes nothing; another one has to be verified anew, and payouts that were
   * not sent yet fail.
   * @throws {ForbiddenError} the actor is no creator
   */
  async submit(actor: Actor, accountToken: string): Promise<{ identity: IdentityRow; replayed: boolean }> {
    const { pool } = this.deps.db;
    const creatorId = await findCreatorOf(pool, actor.id);
    if (creatorId === undefined) throw new ForbiddenError('Only creators are paid out: go live first.');
    const { identity, isNew } = await submitIdentity(pool, { creatorId, accountToken });
    return { identity: await this.#check(identity), replayed: !isNew };
  }

  /**
   * An operator decides on an identity. The same decision again changes nothing.
   * @throws {NotFoundError} nothing was submitted
   * @throws {ForbiddenError} it was decided otherwise
   */
  async decide(
    operator: Actor,
    { creatorId, isVerified }: { creatorId: bigint; isVerified: boolean },
  ): Promise<{ identity: IdentityRow; replayed: boolean }> {
    const { db, log } = this.deps;
    const status = isVerified ? 'VERIFIED' : 'REJECTED';
    const identity = await readIdentity(db.pool, creatorId);
    if (!identity) throw new NotFoundError('identity');
    if (identity.status === status) return { identity, replayed: true };
    const mayBe = IDENTITY_DECISIONS[identity.status].includes(status);
    const decided = mayBe ? await decideIdentity(db.pool, identity, status) : undefined;
    if (!decided) throw new ForbiddenError('This was decided otherwise. Look at it again.');
    log.info({ operator: operator.handle, creatorId: creatorId.toString(), status }, 'an identity is decided');
    return { identity: decided, replayed: false };
  }

  start(): void {
    this.#checking = every(
      this.options.recoveryIntervalMs ?? RECOVERY_INTERVAL_MS,
      async () => {
        try {
          await this.checkOpen();
        } catch (error) {
          this.deps.log.warn({ err: error }, 'checking identities failed; the next round tries again');
          return FAILED;
        }
      },
      this.deps.db.instruments.meters.sweeps.of('identities'),
    );
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#checking?.stop();
  }

  /** Asks the provider about identities that nobody has decided. */
  async checkOpen(): Promise<void> {
    const againAfterMs = this.options.checkIdentityEveryMs ?? CHECK_IDENTITY_EVERY_MS;
    for (let round = 0; round < ROUNDS_PER_SWEEP_MAX && !this.#closing; round++) {
      const open = await takeOpenIdentities(this.deps.db.pool, { limit: CHECKED_AT_ONCE_MAX, againAfterMs });
      const check = (identity: IdentityRow) =>
        this.#check(identity).catch((error: unknown) => {
          const creatorId = identity.creatorId.toString();
          this.deps.log.error({ err: error, creatorId }, 'an identity cannot be checked');
        });
      await Promise.all(open.map(check));
      if (open.length < CHECKED_AT_ONCE_MAX) return;
    }
  }

  /** Asks the provider, and returns the identity as it is then. */
  async #check(identity: IdentityRow): Promise<IdentityRow> {
    if (identity.status !== 'PENDING') return identity;
    const { db, provider } = this.deps;
    try {
      const standing = await provider.check(identity.accountToken, identity.creatorId);
      if (standing === 'PENDING') return identity;
      const decided = await decideIdentity(db.pool, identity, standing);
      return decided ?? (await readIdentity(db.pool, identity.creatorId)) ?? identity;
    } catch (error) {
      if (!(error instanceof ProviderUnavailableError)) throw error;
      return identity; // It is asked again in a while.
    }
  }
}
