/** A public figure stands for so many people at the least, or for nobody. */
export const GROUP_SIZE_MIN = 10;

/** The people behind a region's figures. */
export type Group = {
  region: string;
  gifters: bigint;
  buyers: bigint;
  /** Of them, those who took part in no other region: what several regions have of these can be added up. */
  soleGifters: bigint;
  soleBuyers: bigint;
};

const ROLES = [
  { all: 'gifters', sole: 'soleGifters' },
  { all: 'buyers', sole: 'soleBuyers' },
] as const;

/**
 * Which regions the public may see beside the world's total.
 *
 * Hidden is a region whose gifters, or whose buyers, are some but fewer than `sizeMin` (primary suppression). Whoever takes all regions that
 * are shown from the world's total learns what the hidden ones come to together; so more are hidden, the smallest first, until that is the
 * figure of at least two regions and of at least `sizeMin` people, for gifts as for orders (complementary suppression). Where that cannot
 * be had, nothing but the world is shown.
 */
export function shownRegions(groups: readonly Group[], sizeMin: number): Set<string> {
  const bySize = [...groups].sort(compare);
  const isSmall = (group: Group) => ROLES.some(({ all }) => group[all] > 0n && group[all] < sizeMin);
  const hidden = bySize.filter(isSmall);
  const shown = bySize.filter((group) => !isSmall(group));
  for (;;) {
    const role = ROLES.find((candidate) => tellsTooMuch(hidden, candidate, sizeMin));
    if (!role) return new Set(shown.map(({ region }) => region));
    // One that adds nobody to the figure would not cover anybody.
    const next = shown.findIndex((group) => group[role.all] > 0n);
    if (next < 0) return new Set();
    hidden.push(...shown.splice(next, 1));
  }
}

/** Whether the sum of the hidden regions is that of a single one, or of too few people. None at all says nothing of anybody. */
function tellsTooMuch(hidden: readonly Group[], { all, sole }: (typeof ROLES)[number], sizeMin: number): boolean {
  const some = hidden.filter((group) => group[all] > 0n);
  if (some.length === 0) return false;
  // People who took part in several regions count in none: so this is never more than there are.
  const people = some.reduce((sum, group) => sum + group[sole], 0n);
  return some.length === 1 || people < sizeMin;
}

function compare(one: Group, other: Group): number {
  const difference = one.gifters + one.buyers - (other.gifters + other.buyers);
  if (difference !== 0n) return difference < 0n ? -1 : 1;
  return one.region < other.region ? -1 : 1;
}
