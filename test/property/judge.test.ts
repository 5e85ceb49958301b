/** Judging purchases, against a model that works otherwise and against what must hold whatever the rules are. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judge, type Plan, type Verdict } from '../../src/domains/orders/buy/judge.ts';
import {
  batches,
  judgeByModel,
  leftOf,
  type PurchaseSpec,
  type ShopSpec,
  shops,
  toJudged,
  toPurchases,
  toShop,
} from './judge-model.ts';

const NUM_RUNS = 500;

const check = (property: (spec: ShopSpec, batch: PurchaseSpec[]) => void) =>
  fc.assert(fc.property(shops, batches, property), { numRuns: NUM_RUNS });

function run(spec: ShopSpec, batch: readonly PurchaseSpec[]) {
  const [purchases, shop] = [toPurchases(spec, batch), toShop(spec, batch)];
  return { purchases, shop, verdicts: judge(purchases, shop) };
}

function plansOf(verdicts: readonly Verdict[]): Plan[] {
  return verdicts.flatMap((verdict) => (verdict.kind === 'GO' ? verdict.plan : []));
}

/** What plans take, in the names of the model. */
function takenBy(plans: readonly Plan[]): Map<string, number> {
  const taken = new Map<string, number>();
  for (const { purchase, orders } of plans) {
    for (const { variant, warehouseId, offer, quantity } of orders.flatMap(({ lines }) => lines)) {
      const names = [`stock ${variant.itemId} ${warehouseId}`];
      if (offer) names.push(`offer ${offer.id}`, `may ${offer.id} ${purchase.buyerId}`);
      for (const name of names) taken.set(name, (taken.get(name) ?? 0) + quantity);
    }
  }
  return taken;
}

/** What verdicts say, without objects that judging goes on to change. */
function said(verdicts: readonly Verdict[]) {
  return verdicts.map((verdict) => {
    if (verdict.kind !== 'GO') return verdict.kind === 'NO' ? { code: verdict.error.code } : verdict;
    const { amountMinor, currency, address, orders } = verdict.plan;
    const streams = orders.map(({ streamId }) => streamId);
    const lines = orders.map((order) =>
      order.lines.map((line) => ({ ...line, variant: line.variant.id, offer: line.offer?.id })),
    );
    return { amountMinor, currency, address, streams, lines };
  });
}

test('every verdict, every warehouse and what is left are those of the model', () => {
  check((spec, batch) => {
    const { purchases, shop, verdicts } = run(spec, batch);
    const model = judgeByModel(spec, batch);
    expect(toJudged(verdicts, purchases)).toEqual(model.judged);
    expect(leftOf(spec, shop)).toEqual(model.left);
  });
});

test('nothing is taken twice: what is left and what the plans take is what there was, and never less than zero', () => {
  check((spec, batch) => {
    const before = leftOf(spec, toShop(spec, batch));
    const { shop, verdicts } = run(spec, batch);
    const [after, taken] = [leftOf(spec, shop), takenBy(plansOf(verdicts))];
    for (const [name, units] of before) {
      expect(after.get(name)! + (taken.get(name) ?? 0), name).toBe(units);
      if (taken.has(name)) expect(after.get(name), name).toBeGreaterThanOrEqual(0);
    }
    for (const name of taken.keys()) expect(before.has(name), name).toBe(true);
  });
});

test('all of a purchase goes ahead at the prices seen, or nothing of it', () => {
  check((spec, batch) => {
    for (const { purchase, orders, amountMinor } of plansOf(run(spec, batch).verdicts)) {
      const lines = orders.flatMap((order) => order.lines);
      const show = (line: { quantity: number }, price: bigint) => `${line.quantity} at ${price}`;
      expect(lines.map((line) => show(line, line.unitPriceMinor)).sort()).toEqual(
        purchase.lines.map((line) => show(line, line.expectedUnitPriceMinor)).sort(),
      );
      const sum = lines.reduce((total, line) => total + BigInt(line.quantity) * line.unitPriceMinor, 0n);
      expect(amountMinor).toBe(sum);
      for (const { merchantId, lines: own } of orders) {
        expect(new Set(own.map(({ variant }) => variant.merchantId))).toEqual(new Set([merchantId]));
      }
      expect(new Set(orders.map(({ merchantId }) => merchantId)).size).toBe(orders.length);
    }
  });
});

test('a refused purchase leaves nothing behind: without it the others fare the same', () => {
  check((spec, batch) => {
    const { verdicts } = run(spec, batch);
    const isIn = (_: unknown, index: number) => verdicts[index]!.kind === 'GO';
    const alone = run(spec, batch.filter(isIn));
    expect(said(alone.verdicts)).toEqual(said(verdicts.filter(isIn)));
  });
});

test('two batches, one after the other, are as good as one', () => {
  const withCut = fc.tuple(batches, fc.nat()).map(([batch, at]) => ({ batch, cut: at % (batch.length + 1) }));
  fc.assert(
    fc.property(shops, withCut, (spec, { batch, cut }) => {
      const [purchases, shop] = [toPurchases(spec, batch), toShop(spec, batch)];
      const [first, second] = [judge(purchases.slice(0, cut), shop), judge(purchases.slice(cut), shop)];
      const whole = run(spec, batch);
      expect(said([...first, ...second])).toEqual(said(whole.verdicts));
      expect(leftOf(spec, shop)).toEqual(leftOf(spec, whole.shop));
    }),
    { numRuns: NUM_RUNS },
  );
});

test('order matters only between those that want the same: neighbours that share nothing may change places', () => {
  check((spec, batch) => {
    const wants = ({ lines }: PurchaseSpec) =>
      new Set(
        lines.flatMap(({ from, offer, variant }) => {
          const of = from === 'PAGE' ? variant : (spec.offers[offer - 1]?.variant ?? 0);
          return [`item ${spec.variants[of - 1]?.item}`, ...(from === 'PAGE' ? [] : [`offer ${offer}`])];
        }),
      );
    const at = batch.findIndex((one, index) => batch[index + 1] && !shareAny(wants(one), wants(batch[index + 1]!)));
    fc.pre(at >= 0);
    const swap = <T>(all: readonly T[]) => [...all.slice(0, at), all[at + 1]!, all[at]!, ...all.slice(at + 2)];
    const whole = run(spec, batch);
    const [purchases, shop] = [swap(toPurchases(spec, batch)), toShop(spec, batch)];
    expect(said(judge(purchases, shop))).toEqual(swap(said(whole.verdicts)));
    expect(leftOf(spec, shop)).toEqual(leftOf(spec, whole.shop));
  });
});

function shareAny(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return [...one].some((name) => other.has(name));
}
