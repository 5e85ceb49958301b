/** Many commands on one order at once: they wait for each other, and none reports a success that is then lost. */
import { expect } from 'vitest';
import { ORDER_TRANSITIONS, type OrderState } from '../../src/domains/orders/orders.state.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { type Actor, mutate, type Outcome, query } from '../support/operations.ts';
import { afterSale, bought, openCounter, orderOf } from '../support/orders.ts';
import { type Server, startServer } from '../support/server.ts';
import { QUIET, test } from './support/shared-server.ts';

const ROUNDS = 8;
const AT_ONCE = 20;
/** So many commands take their time, on a slow machine more than tests usually have. */
const LIMIT = { timeout: 120_000 };

type Command = { name: string; state: OrderState | undefined; run: () => Promise<Outcome<{ replayed?: boolean }>> };

/** What people do with an order that was just paid, and the step that a success leaves in the timeline. */
function commandsOn(id: string, shipmentId: string, buyer: Actor, member: Actor): Command[] {
  const sending = { carrier: 'Aramex', trackingNumber: 'AX-1' };
  return [
    { name: 'cancel', state: 'CANCELLED', run: () => afterSale.cancel(buyer, id, 'cancel') },
    { name: 'cancel by merchant', state: 'CANCELLED', run: () => afterSale.cancel(member, id, 'cancel by merchant') },
    { name: 'prepare', state: 'PREPARING', run: () => mutate(member.api, 'prepareShipment', { shipmentId }) },
    { name: 'ship', state: 'SHIPPED', run: () => mutate(member.api, 'shipShipment', { shipmentId, ...sending }) },
    { name: 'deliver', state: 'DELIVERED', run: () => mutate(member.api, 'deliverShipment', { shipmentId }) },
    { name: 'ask', state: 'REFUND_REQUESTED', run: () => afterSale.request(buyer, id, { reason: 'ask' }) },
    { name: 'refund', state: 'REFUNDED', run: () => afterSale.refund(member, id, { reason: 'refund' }) },
    { name: 'contest', state: undefined, run: () => afterSale.dispute(buyer, id) },
  ];
}

async function shipmentOf(buyer: Actor, id: string): Promise<string> {
  const document = 'query Shipments($id: ID!) { node(id: $id) { ... on Order { shipments { id } } } }';
  const { node } = await query<{ node: { shipments: { id: string }[] } }>(buyer.api, document, { id });
  return node.shipments[0]!.id;
}

const through = (server: Server, actor: Actor): Actor => ({ ...actor, api: server.http(actor.token) });

test('twenty different commands at once, on two servers, again and again', LIMIT, async ({ db, server, viewer }) => {
  const second = await startServer({ databaseUrl: db.url, ...QUIET });
  try {
    const counter = await openCounter(server, viewer, { stock: 100 });
    const { member } = counter.shop;
    const won = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const { id } = await bought(counter);
      const shipmentId = await shipmentOf(viewer, id);
      const here = commandsOn(id, shipmentId, viewer, member);
      const there = commandsOn(id, shipmentId, through(second, viewer), through(second, member));
      const calls = Array.from({ length: AT_ONCE }, (_, index) => {
        // Another command begins each round, so that each gets its turn to be first.
        const commands = index % 2 ? there : here;
        return commands[(index * 3 + round) % commands.length]!;
      });
      const outcomes = await Promise.all(calls.map(async (call) => ({ ...call, outcome: await call.run() })));
      const order = (await orderOf(viewer, id))!;
      const states = order.timeline.map(({ state }) => state as OrderState);
      for (const { name, state, outcome } of outcomes) {
        const isSuccess = outcome.__typename.endsWith('Success');
        if (!isSuccess)
          expect(outcome, name).toMatchObject({
            code: expect.stringMatching(/^(ORDER_STATE|SHIPMENT_STATE|FORBIDDEN)$/),
          });
        if (!isSuccess || outcome.replayed) continue;
        won.add(name);
        if (state) expect(states, `${name} in round ${round}: ${states}`).toContain(state);
        else expect(order.disputes, name).toHaveLength(1);
      }
      for (const [index, state] of states.slice(1).entries()) {
        const before = states[index]!;
        if (state !== before) expect(ORDER_TRANSITIONS[before], `${states}`).toContain(state);
      }
      expect(states.at(-1)).toBe(order.state);
      const firsts = outcomes.filter(({ outcome }) => outcome.__typename.endsWith('Success') && !outcome.replayed);
      for (const name of ['cancel', 'ask', 'refund']) {
        expect(firsts.filter((call) => call.name.startsWith(name)).length, name).toBeLessThanOrEqual(1);
      }
    }
    expect(won.size).toBeGreaterThan(2);
    await expectBooksBalanced(db.pool);
  } finally {
    await second.close();
  }
});
