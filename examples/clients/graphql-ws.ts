import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import type { Client } from 'graphql-ws';
import { resume } from '../resume.ts';
import { FeedDocument, type FeedSubscription, SendGiftDocument, type SendGiftInput } from './generated/graphql.ts';
import { untilAnswered } from './retry.ts';

/** A query or mutation over the socket. */
export async function send<Data, Variables extends Record<string, unknown>>(
  socket: Client,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  for await (const { data, errors } of socket.iterate<Data>({ query: print(document), variables })) {
    if (errors || !data) throw errors;
    return data;
  }
  throw new Error('The socket was closed.');
}

/** Sends a gift, once, whatever happens to the connection. */
export function sendGift(socket: Client, input: SendGiftInput) {
  const isLost = (error: unknown) => !Array.isArray(error); // GraphQL errors come as a list
  return untilAnswered(() => send(socket, SendGiftDocument, { input }), isLost);
}

/** The feed of a stream behind a cursor; "" is its beginning. `for await` it; `break` or `return()` ends it. */
export function watch(socket: Client, streamId: string, after: string) {
  return resume<FeedSubscription>(socket, { query: print(FeedDocument), variables: { streamId, after } });
}
