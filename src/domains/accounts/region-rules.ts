import { type Database, rows } from '../../db/database.ts';
import { NotFoundError } from '../../kernel/errors.ts';

/** Where which gifts are allowed; region null is everywhere that has no rule of its own, and wherever we do not know. */
export type RegionRule = { region: string | null; giftAgeMin: number; giftsAllowed: boolean };

const COLUMNS = `nullif(region, '') AS region, gift_age_min AS "giftAgeMin", gifts_allowed AS "giftsAllowed"`;

/**
 * The rules of regions, as data. A rule that changes holds for all viewers of the region when the change is committed: the database
 * computes anew from when on each of them may send gifts, and keeps viewers who change at the same time apart from it. A viewer who
 * was locked before and declares something now waits for the rule, which waits for the viewer: one of the two is tried again.
 */
export class RegionRules {
  constructor(private readonly db: Database) {}

  /** All rules, the one for everywhere else first. */
  list(): Promise<RegionRule[]> {
    return rows<RegionRule>(
      this.db.pool,
      `/* accounts.regionRules */ SELECT ${COLUMNS} FROM region_rule r ORDER BY r.region`,
    );
  }

  /** Sets the rule of a region. Again changes nothing. */
  async set({ region, giftAgeMin, giftsAllowed }: RegionRule): Promise<RegionRule> {
    const [rule] = await this.db.inTransaction((sql) =>
      rows<RegionRule>(
        sql,
        `/* accounts.setRegionRule */ INSERT INTO region_rule AS r (region, gift_age_min, gifts_allowed) VALUES ($1, $2, $3)
         ON CONFLICT (region) DO UPDATE SET gift_age_min = excluded.gift_age_min, gifts_allowed = excluded.gifts_allowed
         RETURNING nullif(r.region, '') AS region, gift_age_min AS "giftAgeMin", gifts_allowed AS "giftsAllowed"`,
        [region ?? '', giftAgeMin, giftsAllowed],
      ),
    );
    return rule!;
  }

  /**
   * Takes a region's own rule away: the one for everywhere else holds there.
   * @throws {NotFoundError} it has none
   */
  async remove(region: string): Promise<void> {
    const removed = await this.db.inTransaction((sql) =>
      rows(sql, '/* accounts.removeRegionRule */ DELETE FROM region_rule WHERE region = $1 RETURNING 1', [region]),
    );
    if (removed.length === 0) throw new NotFoundError('rule');
  }
}
