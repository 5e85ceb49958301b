import type { Database, SqlTransaction } from '../../db/database.ts';
import { ForbiddenError, InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import { type Age, type Declared, insertCorrection, lockDeclared, updateDeclared } from './ages.repo.ts';

/** Nobody alive was born before. */
const BIRTH_DATE_MIN = '1900-01-01';

/** When somebody was born and where they live. Nothing is said of what is undefined. */
export type Declaration = { birthDate: string; region: string | undefined };

/** How old viewers are and where they live: what decides from when on they may send gifts. */
export class Ages {
  constructor(private readonly db: Database) {}

  /**
   * Declares a viewer's date of birth and region, once: what they or their identity provider have said before stays, and may be
   * said again or completed.
   * @throws {InvalidInputError} a day that cannot be
   * @throws {ForbiddenError} something else was declared before
   */
  async confirm(viewerId: bigint, declaration: Declaration): Promise<Age & { replayed: boolean }> {
    return this.db.inTransaction(async (sql) => {
      const known = await this.#lock(sql, viewerId, declaration.birthDate);
      const birthDate = known.birthDate ?? declaration.birthDate;
      const region = known.region ?? declaration.region ?? null;
      if (birthDate !== declaration.birthDate || (declaration.region && region !== declaration.region)) {
        throw new ForbiddenError('You have declared something else before. Only the support can correct it.');
      }
      const age = await updateDeclared(sql, { viewerId, birthDate, region });
      return { ...age, replayed: known.birthDate === birthDate && known.region === region };
    });
  }

  /**
   * Corrects what a viewer has declared, for an operator who has seen proof of it. It is noted who did, and why.
   * @throws {InvalidInputError} a day that cannot be
   * @throws {NotFoundError} no such viewer
   */
  async correct(
    operator: { id: bigint },
    viewerId: bigint,
    { birthDate, region, reason }: { birthDate: string; region: string | null; reason: string },
  ): Promise<Age & { replayed: boolean }> {
    return this.db.inTransaction(async (sql) => {
      const before = await this.#lock(sql, viewerId, birthDate);
      const after = { viewerId, birthDate, region };
      const replayed = before.birthDate === birthDate && before.region === region;
      if (!replayed) await insertCorrection(sql, { operatorId: operator.id, before, after, reason });
      return { ...(await updateDeclared(sql, after)), replayed };
    });
  }

  /** Locks the viewer, and checks a date of birth against the database's day. */
  async #lock(sql: SqlTransaction, viewerId: bigint, birthDate: string): Promise<Declared> {
    const known = await lockDeclared(sql, viewerId);
    if (!known) throw new NotFoundError('viewer');
    // Days as texts of one form are in the order of the days.
    if (birthDate < BIRTH_DATE_MIN || birthDate > known.today) {
      throw new InvalidInputError([
        { path: 'input.birthDate', message: `Must be a day from ${BIRTH_DATE_MIN} to today.` },
      ]);
    }
    return known;
  }
}
