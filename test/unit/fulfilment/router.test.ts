/** Which warehouse a line comes from. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Delivery, route, type StockCandidate } from '../../../src/domains/fulfilment/fulfilment.api.ts';

const PARCEL: Delivery = { region: 'AE', quantity: 2, crossesRegions: true };

let ids = 0n;
function warehouse(differences: Partial<StockCandidate> = {}): StockCandidate {
  ids += 1n;
  return {
    warehouseId: ids,
    warehouseMerchantId: 1n,
    region: 'AE',
    shipsAbroad: false,
    promiseMinutes: 60,
    available: 10,
    ...differences,
  };
}

/** The warehouse that was picked. */
function picked(warehouses: readonly StockCandidate[], delivery = PARCEL): StockCandidate | undefined {
  const found = route(warehouses, delivery);
  return found.kind === 'ROUTED' ? found.candidate : undefined;
}

describe('the warehouse is', () => {
  test('one in the buyer’s region, however fast another one is', () => {
    const near = warehouse({ promiseMinutes: 9_000 });
    expect(picked([warehouse({ region: 'SA', shipsAbroad: true, promiseMinutes: 1 }), near])).toBe(near);
  });

  test('one that ships abroad, when the near ones have too few', () => {
    const far = warehouse({ region: 'SA', shipsAbroad: true });
    expect(picked([warehouse({ available: 1 }), far])).toBe(far);
  });

  test('the fastest', () => {
    const fast = warehouse({ promiseMinutes: 30 });
    expect(picked([warehouse({ promiseMinutes: 31 }), fast, warehouse({ promiseMinutes: 31 })])).toBe(fast);
  });

  test('the first of equals', () => {
    const [first, second] = [warehouse(), warehouse()];
    expect(picked([second, first])).toBe(first);
  });

  test('any, where nothing is sent', () => {
    const far = warehouse({ region: 'SA' });
    expect(picked([far], { ...PARCEL, region: undefined })).toBe(far);
  });
});

describe('there is none', () => {
  test('when nobody has it', () => {
    expect(route([], PARCEL)).toEqual({ kind: 'SOLD_OUT', available: 0 });
  });

  test('when too few are left: what the fullest warehouse has is said, and nothing is added up', () => {
    const few = [warehouse({ available: 1 }), warehouse({ available: 1 }), warehouse({ available: 0 })];
    expect(route(few, PARCEL)).toEqual({ kind: 'SOLD_OUT', available: 1 });
  });

  test('when only those that do not deliver there have any', () => {
    const stock = [warehouse({ region: 'SA' }), warehouse({ available: 1 })];
    expect(route(stock, PARCEL)).toEqual({ kind: 'SOLD_OUT', available: 1 });
    expect(route(stock.slice(0, 1), PARCEL)).toEqual({ kind: 'NOT_DELIVERABLE' });
  });

  test('when food would cross a border', () => {
    const kitchen = warehouse({ region: 'SA', shipsAbroad: true });
    expect(route([kitchen], { ...PARCEL, crossesRegions: false })).toEqual({ kind: 'NOT_DELIVERABLE' });
  });
});

describe('whatever there is to choose from', () => {
  const warehouses = fc
    .array(
      fc.record({
        region: fc.constantFrom('AE', 'SA', 'EG'),
        shipsAbroad: fc.boolean(),
        promiseMinutes: fc.integer({ min: 1, max: 4 }),
        available: fc.integer({ min: 0, max: 4 }),
      }),
      { maxLength: 8 },
    )
    .map((all) => all.map((differences, index) => warehouse({ ...differences, warehouseId: BigInt(index + 1) })));
  const deliveries = fc.record({
    crossesRegions: fc.boolean(),
    region: fc.constantFrom('AE', 'SA', 'EG', undefined),
    quantity: fc.integer({ min: 1, max: 4 }),
  });
  const delivers = (from: StockCandidate, { crossesRegions, region }: Delivery) =>
    region === undefined || from.region === region || (crossesRegions && from.shipsAbroad);

  test('what is picked delivers, has enough, and nothing better does', () => {
    fc.assert(
      fc.property(warehouses, deliveries, (all, delivery) => {
        const fitting = all.filter((each) => delivers(each, delivery) && each.available >= delivery.quantity);
        const found = picked(all, delivery);
        expect(found !== undefined).toBe(fitting.length > 0);
        if (!found) return;
        expect(fitting).toContain(found);
        const far = (each: StockCandidate) => delivery.region !== undefined && each.region !== delivery.region;
        for (const other of fitting) {
          expect(far(found) && !far(other)).toBe(false);
          if (far(found) !== far(other)) continue;
          expect(found.promiseMinutes).toBeLessThanOrEqual(other.promiseMinutes);
          if (found.promiseMinutes === other.promiseMinutes) {
            expect(found.warehouseId <= other.warehouseId).toBe(true);
          }
        }
      }),
    );
  });

  test('the order of the warehouses does not matter', () => {
    fc.assert(
      fc.property(warehouses, deliveries, (all, delivery) => {
        expect(route([...all].reverse(), delivery)).toEqual(route(all, delivery));
      }),
    );
  });

  test('who is told what is left can have exactly that', () => {
    fc.assert(
      fc.property(warehouses, deliveries, (all, delivery) => {
        const found = route(all, delivery);
        if (found.kind !== 'SOLD_OUT') return;
        expect(found.available).toBeLessThan(delivery.quantity);
        if (found.available > 0) expect(picked(all, { ...delivery, quantity: found.available })).toBeDefined();
      }),
    );
  });
});
