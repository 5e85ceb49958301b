import { rows, type SqlTransaction } from '../../db/database.ts';

/** The creator that a viewer is; made one if need be. Returns the creator's id. */
export async function ensureCreator(sql: SqlTransaction, viewerId: bigint): Promise<bigint> {
  await rows(sql, '/* creators.ensure */ INSERT INTO creator (viewer_id) VALUES ($1) ON CONFLICT DO NOTHING', [
    viewerId,
  ]);
  const [creator] = await rows<{ id: bigint }>(
    sql,
    '/* creators.byViewer */ SELECT id FROM creator WHERE viewer_id = $1',
    [viewerId],
  );
  return creator!.id;
}
