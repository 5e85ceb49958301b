/** What graphql-cop looks for, as our own requests: each returns whether there is something to find. */
import type { Server } from '../../support/server.ts';
import { times } from './document-attacks.ts';

type Finding = { title: string; find: (server: Server) => Promise<boolean> };
type Body = {
  data?: Record<string, unknown> | null;
  errors?: { message: string; extensions?: object }[];
  extensions?: object;
};

const operationName = 'cop';

/** As a scanner sends it: it takes any type. */
async function post(server: Server, body: unknown, type = 'application/json'): Promise<{ text: string; body: Body }> {
  const headers = { 'content-type': type, accept: '*/*' };
  const sent = typeof body === 'string' ? body : JSON.stringify(body);
  const text = await (await fetch(server.url, { method: 'POST', headers, body: sent })).text();
  return { text, body: text.startsWith('{') ? (JSON.parse(text) as Body) : {} };
}

async function ask(server: Server, query: string): Promise<Body> {
  return (await post(server, { query, operationName })).body;
}

/** Without what a browser would add: fetch says by itself that it is one. */
async function get(server: Server, query: string): Promise<Body> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const url = `${server.url}?query=${encodeURIComponent(query)}`;
    request(url, { headers: { accept: '*/*' } }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => resolve(text.startsWith('{') ? (JSON.parse(text) as Body) : {}));
    })
      .on('error', reject)
      .end();
  });
}

/** All 13, also the one that graphql-cop has switched off. */
export const COP_CHECKS: Finding[] = [
  {
    title: 'Field suggestions',
    find: async (server) =>
      JSON.stringify(await ask(server, 'query cop { __schema { directive } }')).includes('Did you mean'),
  },
  {
    title: 'Introspection',
    find: async (server) =>
      !!(await ask(server, 'query cop { __schema { types { name fields { name } } } }')).data?.__schema,
  },
  {
    title: 'GraphiQL or a playground',
    find: async (server) => {
      const response = await fetch(server.url, { headers: { accept: 'text/html' } });
      return /graphiql|playground/i.test(await response.text());
    },
  },
  { title: 'Queries by GET', find: async (server) => !!(await get(server, 'query cop { __typename }')).data },
  { title: 'Mutations by GET', find: async (server) => !!(await get(server, 'mutation cop { __typename }')).data },
  {
    title: 'URL-encoded POST',
    find: async (server) => {
      const body = new URLSearchParams({ query: 'query cop { __typename }' }).toString();
      return !!(await post(server, body, 'application/x-www-form-urlencoded')).body.data;
    },
  },
  {
    title: 'Alias overloading',
    find: async (server) => !!(await ask(server, `query cop { ${times(101, (n) => `alias${n}: __typename`)} }`)).data,
  },
  {
    title: 'Array batching',
    find: async (server) => {
      const one = { query: 'query cop { __typename }', operationName };
      return (
        await post(
          server,
          Array.from({ length: 10 }, () => one),
        )
      ).text.startsWith('[');
    },
  },
  {
    title: 'Directive overloading',
    find: async (server) =>
      ((await ask(server, `query cop { __typename ${'@aa'.repeat(10)} }`)).errors ?? []).length >= 10,
  },
  {
    title: 'Circular introspection',
    find: async (server) => {
      const circle = 'fields { type { fields { type { fields { type { fields { type { name } } } } } } } }';
      return !!(await ask(server, `query cop { __schema { types { ${circle} } } }`)).data;
    },
  },
  {
    title: 'Field duplication',
    find: async (server) => !!(await ask(server, `query cop { ${'__typename '.repeat(500)} }`)).data,
  },
  {
    title: 'Trace mode',
    find: async (server) => /tracing/i.test(JSON.stringify(await ask(server, 'query cop { __typename }'))),
  },
  {
    title: 'Unhandled errors',
    find: async (server) => /exception|stacktrace/i.test(JSON.stringify(await ask(server, 'qwerty cop { abc }'))),
  },
];
