import { expect, test } from 'vitest';
import { readResults } from '../../bench/report/results.ts';
import { at, figure, readCosts } from '../../bench/scaling/costs.ts';
import { simulateNode, simulateStorm, viewersPerNode } from '../../bench/scaling/simulate.ts';

const results = await readResults('docs');
const costs = at(readCosts(results), 'mid');
const LOAD = { viewers: 1_000, eventsPerSecond: 10, windowUs: 20_000, seconds: 30, seed: 1 };

function measured(table: number): number {
  return figure(results['fan-out']!.section.tables[table]!.rows.find(([name]) => name === 'ours, 20 ms window')![1]!)
    .mid;
}

test('every event reaches every viewer once, and the same seed brings the same', () => {
  const outcome = simulateNode(LOAD, costs);
  expect(outcome.events).toBeGreaterThan(200);
  expect(outcome.deliveries).toBe(outcome.events * LOAD.viewers);
  expect(outcome.writes).toBeLessThanOrEqual(outcome.deliveries);
  expect(simulateNode(LOAD, costs)).toEqual(outcome);
  expect(simulateNode({ ...LOAD, seed: 2 }, costs)).not.toEqual(outcome);
});

test('one node, loaded as the benchmarks load it, costs what they measured', () => {
  const one = simulateNode({ ...LOAD, regular: true }, costs);
  expect(one.usPerDelivery / measured(0)).toBeCloseTo(1, 1);
  const bursts = simulateNode({ ...LOAD, regular: true, burst: 5 }, costs);
  expect(bursts.usPerDelivery / measured(1)).toBeCloseTo(1, 1);
  const small = simulateNode({ ...LOAD, viewers: 10, regular: true }, costs);
  expect(small.usPerDelivery / measured(2)).toBeCloseTo(1, 1);
});

test('more load is never faster, and never fewer nodes; a write that is shared costs less for each', () => {
  const rates = [1, 10, 100];
  const perNode = rates.map((eventsPerSecond) =>
    viewersPerNode({ ...LOAD, seconds: 5, eventsPerSecond }, costs, 20_000),
  );
  for (const [index, viewers] of perNode.entries())
    if (index > 0) expect(viewers).toBeLessThanOrEqual(perNode[index - 1]!);
  const busy = [100, 1_000, 10_000].map((viewers) => simulateNode({ ...LOAD, viewers }, costs).busy);
  expect(busy).toEqual(busy.toSorted((a, b) => a - b));
  const each = rates.map((eventsPerSecond) => simulateNode({ ...LOAD, eventsPerSecond }, costs).usPerDelivery);
  expect(each).toEqual(each.toSorted((a, b) => b - a));
});

test('a node that is asked for too much leaves viewers behind, and says so', () => {
  expect(simulateNode({ ...LOAD, viewers: 1_000_000, eventsPerSecond: 1_000, seconds: 20 }, costs).lapped).toBe(true);
  expect(simulateNode(LOAD, costs).lapped).toBe(false);
});

test('a storm takes at least as long as it is spread over, and longer the fewer are left to take it', () => {
  const storm = { viewers: 100_000, nodes: 10, jitterS: 5, busy: 0.5, seed: 1 };
  const took = simulateStorm(storm, costs);
  expect(took).toBeGreaterThan(4.9);
  expect(simulateStorm({ ...storm, nodes: 3 }, costs)).toBeGreaterThan(took);
  const work = (100_000 / 10 / 9) * costs.join * 2;
  expect(simulateStorm({ ...storm, jitterS: 0 }, costs) * 1_000_000).toBeCloseTo(
    Math.ceil(work / costs.join / 2) * costs.join * 2,
    0,
  );
});
