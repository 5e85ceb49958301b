import type { Queryable } from '../../db/database.ts';
import DataLoader from '../../db/loader.ts';
import { groupBy } from '../../kernel/group-by.ts';
import { findMemberships } from './merchants.repo.ts';

/** Memberships that are looked up together. */
const MEMBERSHIPS_PER_READ_MAX = 100;

/** Whether somebody acts for a merchant. */
export type IsMember = (viewerId: bigint, merchantId: bigint) => Promise<boolean>;

/** Looks memberships up; those of one viewer that are asked for at once are one statement. Nothing is kept. */
export function createMemberships(sql: Queryable): IsMember {
  const loader = new DataLoader<{ viewerId: bigint; merchantId: bigint }, boolean>(
    async (asked) => {
      const found = new Set<string>();
      for (const [viewerId, of] of groupBy(asked, (pair) => pair.viewerId)) {
        const merchantIds = of.map(({ merchantId }) => merchantId);
        for (const { id } of await findMemberships(sql, viewerId, merchantIds)) found.add(`${viewerId}:${id}`);
      }
      return asked.map(({ viewerId, merchantId }) => found.has(`${viewerId}:${merchantId}`));
    },
    { cache: false, maxBatchSize: MEMBERSHIPS_PER_READ_MAX },
  );
  return (viewerId, merchantId) => loader.load({ viewerId, merchantId });
}
