import {
  commitMutation,
  Environment,
  type GraphQLResponse,
  Network,
  Observable,
  RecordSource,
  type RequestParameters,
  requestSubscription,
  Store,
  type Variables,
} from 'relay-runtime';
import { resuming } from '../resuming.ts';
import { untilAnswered } from '../retry.ts';
import { type Api, openSocket } from '../socket.ts';
import type {
  documentsFeedSubscription,
  documentsFeedSubscription$data,
} from './__generated__/documentsFeedSubscription.graphql.ts';
import type { documentsSendGiftMutation } from './__generated__/documentsSendGiftMutation.graphql.ts';
import { feedSubscription, sendGiftMutation } from './documents.ts';

/** An environment whose subscriptions resume, and which sends again what was not answered. */
export function createRelay({ url, session, webSocketImpl }: Api) {
  const socket = resuming(openSocket({ url, session, webSocketImpl }));
  const send = async ({ text }: RequestParameters, variables: Variables) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await session.token()}` },
      body: JSON.stringify({ query: text, variables }),
    });
    if (response.status >= 500) throw new TypeError(`No answer: ${response.status}.`); // a balancer's
    return (await response.json()) as GraphQLResponse;
  };
  const network = Network.create(
    (operation, variables) =>
      untilAnswered(
        () => send(operation, variables),
        (error) => error instanceof TypeError,
      ),
    ({ text }, variables) => Observable.create((sink) => socket.subscribe({ query: text!, variables }, sink as never)),
  );
  return { environment: new Environment({ network, store: new Store(new RecordSource()) }), socket };
}

/** Sends a gift, once, whatever happens to the connection. */
export function sendGift(environment: Environment, input: documentsSendGiftMutation['variables']['input']) {
  return new Promise<documentsSendGiftMutation['response']['sendGift']>((resolve, reject) => {
    commitMutation<documentsSendGiftMutation>(environment, {
      mutation: sendGiftMutation,
      variables: { input },
      onCompleted: ({ sendGift }) => resolve(sendGift),
      onError: reject,
    });
  });
}

/** The feed of a stream behind a cursor; "" is its beginning. Dispose of it to end it. */
export function watch(
  environment: Environment,
  variables: documentsFeedSubscription['variables'],
  sink: { next(data: documentsFeedSubscription$data): void; error(error: unknown): void; complete(): void },
) {
  return requestSubscription<documentsFeedSubscription>(environment, {
    subscription: feedSubscription,
    variables,
    onNext: (data) => data && sink.next(data),
    onError: sink.error,
    onCompleted: sink.complete,
  });
}
