/** The pages that are measured, and how each server is asked for them. */

/** How much a database of the benchmark holds. */
export type ReadsSize = { creators: number; liveStreams: number; endedStreams: number };

/** One thing on a page, so that all servers can be seen to show the same. */
export type Shown = { handle: string; title: string | null };

/** A request, and how to read its answer. */
export type PageRequest = {
  query: string;
  variables?: Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: the answer has the shape that the query asks for
  shown: (data: any) => { items: Shown[]; totalCount?: number };
};

/** A page, as our API and the Prisma plugin's (they have one schema), and as PostGraphile's own schema has it. */
export type ReadsPage = { name: string; ours: PageRequest; postgraphile: PageRequest };

const ITEMS = 20;

/** Asks a server for the global id of a stream, so that each is asked for the same one. */
export const NEWEST_STREAM = {
  ours: 'query Newest { liveStreams(first: 1) { edges { node { id } } } }',
  postgraphile:
    'query Newest { allStreams(first: 1, condition: {status: "LIVE"}, orderBy: PRIMARY_KEY_DESC) { edges { node { id } } } }',
};

/** The pages. `newestStream` is the global id of the newest stream, by either server. */
export function readsPages(newestStream: { ours: string; postgraphile: string }): ReadsPage[] {
  return [
    liveStreams('live streams', ''),
    liveStreams('live streams and totalCount', 'totalCount'),
    creators('creators', ''),
    creators('creators and totalCount', 'totalCount'),
    detail(newestStream),
  ];
}

function liveStreams(name: string, count: string): ReadsPage {
  const page = (nodeFields: string) =>
    `${count} pageInfo { hasNextPage endCursor } edges { cursor node { id title status startedAt ${nodeFields} } }`;
  return {
    name,
    ours: {
      query: `query Streams { liveStreams(first: ${ITEMS}) { ${page('creator { id handle displayName }')} } }`,
      shown: ({ liveStreams: { totalCount, edges } }) => ({
        totalCount,
        items: edges.map(({ node }: never) => oursStream(node)),
      }),
    },
    postgraphile: {
      query: `query Streams { allStreams(first: ${ITEMS}, condition: {status: "LIVE"}, orderBy: PRIMARY_KEY_DESC) {
        ${page('creatorByCreatorId { id viewerByViewerId { handle displayName } }')} } }`,
      shown: ({ allStreams: { totalCount, edges } }) => ({
        totalCount,
        items: edges.map(({ node }: never) => postgraphileStream(node)),
      }),
    },
  };
}

function creators(name: string, count: string): ReadsPage {
  const page = (nodeFields: string) =>
    `${count} pageInfo { hasNextPage endCursor } edges { cursor node { id ${nodeFields} } }`;
  const stream = 'id title status startedAt';
  return {
    name,
    ours: {
      query: `query Creators { creators(first: ${ITEMS}) { ${page(`handle displayName currentStream { ${stream} }`)} } }`,
      shown: ({ creators: { totalCount, edges } }) => ({
        totalCount,
        items: edges.map(({ node }: never) => oursCreator(node)),
      }),
    },
    postgraphile: {
      query: `query Creators { allCreators(first: ${ITEMS}, orderBy: PRIMARY_KEY_ASC) { ${page(
        `viewerByViewerId { handle displayName } streamsByCreatorIdList(first: 1, condition: {status: "LIVE"}) { ${stream} }`,
      )} } }`,
      shown: ({ allCreators: { totalCount, edges } }) => ({
        totalCount,
        items: edges.map(({ node }: never) => postgraphileCreator(node)),
      }),
    },
  };
}

function detail(newestStream: { ours: string; postgraphile: string }): ReadsPage {
  const stream = 'id title status startedAt endedAt';
  return {
    name: 'one stream',
    ours: {
      query: `query Stream($id: ID!) { liveStream(id: $id) { ${stream} creator { id handle displayName } } }`,
      variables: { id: newestStream.ours },
      shown: ({ liveStream }) => ({ items: [oursStream(liveStream)] }),
    },
    postgraphile: {
      query: `query Stream($id: ID!) {
        stream(id: $id) { ${stream} creatorByCreatorId { id viewerByViewerId { handle displayName } } } }`,
      variables: { id: newestStream.postgraphile },
      shown: ({ stream }) => ({ items: [postgraphileStream(stream)] }),
    },
  };
}

type OursStream = { title: string; creator: { handle: string } };
type OursCreator = { handle: string; currentStream: { title: string } | null };
type PostgraphileStream = { title: string; creatorByCreatorId: { viewerByViewerId: { handle: string } } };
type PostgraphileCreator = { viewerByViewerId: { handle: string }; streamsByCreatorIdList: { title: string }[] };

const oursStream = ({ title, creator }: OursStream): Shown => ({ handle: creator.handle, title });
const oursCreator = ({ handle, currentStream }: OursCreator): Shown => ({
  handle,
  title: currentStream?.title ?? null,
});
const postgraphileStream = ({ title, creatorByCreatorId }: PostgraphileStream): Shown => ({
  handle: creatorByCreatorId.viewerByViewerId.handle,
  title,
});
const postgraphileCreator = ({ viewerByViewerId, streamsByCreatorIdList: [stream] }: PostgraphileCreator): Shown => ({
  handle: viewerByViewerId.handle,
  title: stream?.title ?? null,
});
