/** What shipments go through, and what that makes of their order. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  deriveState,
  firstStepOf,
  rankOf,
  SHIPMENT_STATES,
  SHIPMENT_TRANSITIONS,
  STEPS,
  TRACKING_STATUSES,
} from '../../../src/domains/fulfilment/fulfilment.state.ts';

describe('a shipment', () => {
  test('never goes back, and what is on its way is not cancelled', () => {
    for (const [state, next] of Object.entries(SHIPMENT_TRANSITIONS)) {
      for (const following of next) {
        expect(SHIPMENT_STATES.indexOf(following)).toBeGreaterThan(SHIPMENT_STATES.indexOf(state as never));
      }
    }
    expect(SHIPMENT_TRANSITIONS.SHIPPED).toEqual(['DELIVERED']);
  });

  test.each(['PARCEL', 'COURIER'] as const)(
    '%s: each step is ranked, and its state is that of the one before or a next one',
    (method) => {
      let state: (typeof SHIPMENT_STATES)[number] = 'PENDING';
      STEPS[method].forEach((step, rank) => {
        expect(rankOf(method, step.status)).toBe(rank);
        if (step.state !== state) {
          expect(SHIPMENT_TRANSITIONS[state]).toContain(step.state);
          expect(firstStepOf(method, step.state)).toBe(step.status);
        }
        state = step.state;
      });
      expect(state).toBe('DELIVERED');
      const foreign = TRACKING_STATUSES.filter((status) => !STEPS[method].some((step) => step.status === status));
      expect(foreign.map((status) => rankOf(method, status))).toEqual(foreign.map(() => undefined));
      expect(rankOf(method, null)).toBe(-1);
    },
  );
});

describe('an order', () => {
  test.each([
    ['with nothing begun', [], 1, 'PAID'],
    ['with shipments that wait', ['PENDING', 'PENDING'], 2, 'PAID'],
    ['with one that is prepared', ['PENDING', 'PREPARING'], 2, 'PREPARING'],
    ['of which a part is sent', ['PENDING', 'SHIPPED'], 2, 'PREPARING'],
    ['of which a part is delivered', ['PENDING', 'DELIVERED'], 1, 'PREPARING'],
    ['that is sent', ['SHIPPED', 'SHIPPED'], 2, 'SHIPPED'],
    ['that is sent, and in part delivered', ['SHIPPED', 'DELIVERED'], 1, 'SHIPPED'],
    ['of which a voucher is left', ['DELIVERED'], 1, 'SHIPPED'],
    ['of which nothing is left', ['DELIVERED'], 0, 'DELIVERED'],
    ['that was downloaded', [], 0, 'DELIVERED'],
    ['of which a cancelled shipment is all that is not sent', ['CANCELLED', 'SHIPPED'], 1, 'SHIPPED'],
  ] as const)('%s', (_what, shipments, undelivered, state) => {
    expect(deriveState({ shipments, undelivered })).toBe(state);
  });

  test('the order of its shipments does not matter, nor do cancelled ones', () => {
    const parts = fc.array(fc.constantFrom(...SHIPMENT_STATES), { maxLength: 5 });
    fc.assert(
      fc.property(parts, fc.nat({ max: 2 }), (shipments, undelivered) => {
        const state = deriveState({ shipments, undelivered });
        expect(deriveState({ shipments: [...shipments].reverse(), undelivered })).toBe(state);
        expect(deriveState({ shipments: [...shipments, 'CANCELLED'], undelivered })).toBe(state);
      }),
    );
  });
});
