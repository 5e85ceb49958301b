import { expect, test } from 'vitest';
import { channels } from '../../src/live/channels.ts';
import { slotOf } from '../../src/live/redis-slot.ts';

// From the cluster specification, and from `CLUSTER KEYSLOT` of a real server.
test.each([
  ['123456789', 12_739],
  ['foo', 12_182],
  ['{user1000}.following', 3_443],
  ['{user1000}.followers', 3_443],
  ['foo{}{bar}', 8_363],
  ['foo{{bar}}zap', 4_015],
  ['foo{bar}{zap}', 5_061],
  ['', 0],
])('the slot of %s is %i', (key, slot) => {
  expect(slotOf(key)).toBe(slot);
});

test('streams spread over the slots, and the name of the deployment changes nothing', () => {
  const names = Array.from({ length: 1_000 }, (_, n) => channels.stream(BigInt(n)));
  const thirds = names.map((name) => Math.floor(slotOf(name) / 5_462));
  for (const third of [0, 1, 2]) expect(thirds.filter((one) => one === third).length).toBeGreaterThan(280);
  for (const name of names.slice(0, 50)) expect(slotOf(channels.ofDeployment(name, 'a1b2'))).toBe(slotOf(name));
});
