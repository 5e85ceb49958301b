import type { Services } from './context.ts';
import { toGlobalId } from './global-id.ts';

/** Who the examples are signed in as, and whose stream they watch. */
export const EXAMPLE_VIEWER = 'layla';
export const EXAMPLE_CREATOR = 'pinkydoll';

/** What the demo's examples are filled with, so that they run as they stand. */
export type DemoExample = { token: string; streamId: string; giftId: string; packId: string };

/** Signs in the example viewer and finds the newest stream of the example creator, the cheapest gift and the smallest pack. */
export async function findDemoExample({ accounts, db, gifts, payments }: Services): Promise<DemoExample> {
  const creator = await db.prisma.creator.findFirst({
    where: { viewer: { handle: EXAMPLE_CREATOR } },
    select: { streams: { orderBy: { id: 'desc' }, take: 1, select: { id: true } } },
  });
  const [[gift], [pack], { token }] = await Promise.all([
    gifts.list(),
    payments.coinPacks(),
    accounts.signIn(EXAMPLE_VIEWER),
  ]);
  return {
    token,
    streamId: toGlobalId('LiveStream', creator?.streams[0]?.id ?? 0n),
    giftId: toGlobalId('Gift', gift?.id ?? 0n),
    packId: toGlobalId('CoinPack', pack?.id ?? 0n),
  };
}

/** What to tell whoever has started the server. */
export function welcome(url: string, example: DemoExample | undefined): string {
  const title = `\n  Hadiya is up. GraphiQL: ${url}/graphql\n`;
  if (!example) return title;
  const subscription = `subscription { liveEvents(streamId: "${example.streamId}", after: "") { cursor node { __typename seq } } }`;
  const mutation =
    `mutation { sendGift(input: { streamId: "${example.streamId}", giftId: "${example.giftId}", idempotencyKey: "hello-1" })` +
    ' { __typename ... on SendGiftSuccess { giftSent { seq streak } wallet { coins } } ... on Error { message } } }';
  return `${title}
  Demo mode: anybody can sign in as anybody. Set JWT_SECRET or JWKS_URL to use your own identity provider.

  First thing to try. Watch ${EXAMPLE_CREATOR}’s stream in a second terminal:

${curl(url, subscription, ['accept: text/event-stream'])}

  and send a rose as ${EXAMPLE_VIEWER} (the token lasts an hour; the same key again is the same gift):

${curl(url, mutation, [`authorization: Bearer ${example.token}`])}

  GraphiQL has the same as tabs, signed in: open it in two windows, "Watch" in one and "SendGift" in the other.
  Ctrl-C stops Hadiya and its database; the data stays.
`;
}

function curl(url: string, query: string, headers: readonly string[]): string {
  const flags = ['content-type: application/json', ...headers].map((header) => `-H '${header}' `).join('');
  return `curl -sN ${url}/graphql ${flags}-d '${JSON.stringify({ query })}'`;
}
