/** The database fails in the midst of what people ask: Postgres puts rows and values into its errors. */
import { randomUUID } from 'node:crypto';
import { type MutationName, mutationDocument } from '../../support/documents.ts';
import { attempt, noteAnswer, type Person, plant, type Stage } from './canary-scenario.ts';
import { broken, cutOff, type Defect, ofNumbers, refusing, without } from './defects.ts';

type Request = [who: Person, name: MutationName, input: Record<string, unknown>];

/** Requests full of secrets, that only a defect can refuse. */
function requests({ world, canaries }: Stage) {
  const { streamId, creatorId, creatorViewerId, variantId, addressId, merchantId } = world.ids;
  const secret = (what: string) => plant(canaries, `${what} that fails`);
  const address = {
    ...{ name: secret('a name'), line1: secret('a line'), line2: secret('a second line'), city: secret('a city') },
    ...{ country: 'AE', idempotencyKey: randomUUID() },
  };
  const bought = {
    ...{ variantId, addressId, expectedUnitPriceMinor: 2_500 },
    ...{ paymentToken: `tok_${secret('a payment token')}`, idempotencyKey: secret('a key') },
  };
  const said = { streamId, text: secret('a message'), idempotencyKey: randomUUID() };
  const reported = { viewerId: creatorViewerId, reason: 'SPAM', note: secret('a report') };
  const banned = { viewerId: world.people.partner.id, streamId, reason: secret('a ban') };
  const warehouse = { merchantId, name: secret('a warehouse'), region: 'AE', shipsAbroad: true, promiseMinutes: 60 };
  const held = { creatorId, diamonds: 1_000, reason: secret('a hold'), idempotencyKey: randomUUID() };
  return {
    address: ['other', 'addAddress', address],
    buy: ['owner', 'buyNow', bought],
    say: ['owner', 'sendChatMessage', said],
    report: ['member', 'reportContent', reported],
    ban: ['creator', 'banViewer', banned],
    words: ['creator', 'blockWords', { creatorId, phrases: [secret('a word')] }],
    account: ['otherCreator', 'submitIdentity', { accountToken: `acct_${secret('an account')}` }],
    warehouse: ['member', 'createWarehouse', warehouse],
    hold: ['operator', 'holdEarnings', held],
  } satisfies Record<string, Request>;
}

/** Sends each request, over HTTP and over WebSocket, while what it needs is broken. */
export async function fail(stage: Stage): Promise<void> {
  const { address, buy, say, report, ban, words, account, warehouse, hold } = requests(stage);
  const failing: [Defect, Request][] = [
    [without('address', 'line1'), address],
    [ofNumbers('address', 'line1'), address],
    [refusing('address'), address],
    [refusing('sandbox_charge'), buy],
    [refusing('live_event'), say],
    [ofNumbers('report', 'note'), report],
    [refusing('report'), report],
    [ofNumbers('moderation_action', 'reason'), ban],
    [refusing('moderation_action'), ban],
    [refusing('blocked_word'), words],
    [ofNumbers('creator_identity', 'account_token'), account],
    [refusing('creator_identity'), account],
    [refusing('warehouse'), warehouse],
    [refusing('earnings_hold'), hold],
  ];
  for (const [defect, request] of failing) {
    await broken(stage.pool, defect, async () => {
      await attempt(stage, ...request);
      await overSocket(stage, request);
    });
  }
  await cutOff(stage.pool, 'address', () => attempt(stage, ...address));
  await cutOff(stage.pool, 'address', () => overSocket(stage, address));
}

async function overSocket(stage: Stage, [who, name, input]: Request): Promise<void> {
  const socket = await stage.server.ws({ token: stage.world.people[who].token });
  try {
    noteAnswer(stage, name, await socket.query(mutationDocument(name), { input }));
  } finally {
    await socket.close();
  }
}
