import type { Client } from 'graphql-ws';
import { resume } from '../resume.ts';

/** The same client, but its subscriptions resume: what urql, Apollo and Relay take in place of a plain one. */
export function resuming(client: Client): Client {
  return {
    ...client,
    subscribe: (payload, sink) => {
      const results = resume(client, payload) as AsyncGenerator<never>;
      const pour = async () => {
        for await (const result of results) sink.next(result);
      };
      pour().then(() => sink.complete(), sink.error);
      return () => void results.return(undefined);
    },
  };
}
