import { signToken } from '../lib/config.ts';
import type { Buyer } from './buyers.api.ts';
import type { SeededShop } from './seed.ts';

/** Everybody but the first viewer, who is the creator, with a token. */
export function signInBuyers({ viewers }: Pick<SeededShop, 'viewers'>): Promise<Buyer[]> {
  const ids = Array.from({ length: viewers - 1 }, (_, index) => index + 2);
  return Promise.all(ids.map(async (id) => ({ viewerId: BigInt(id), token: await signToken(`bench:${id}`) })));
}
