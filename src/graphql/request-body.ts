import type { IncomingMessage } from 'node:http';
import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/**
 * Reads the body of a POST straight from Node's request, and stops at the limit. Yoga's own reader and size limit do the same
 * through three web streams, which costs more CPU than everything else in a small request together.
 * @param sizeMax bytes; one more is answered with 413
 */
// biome-ignore lint/suspicious/noExplicitAny: the context is the caller's; only `req` is used
export function useBoundedBody(sizeMax: number): Plugin<Record<string, any>, { req: IncomingMessage }> {
  return {
    onRequestParse({ request, requestParser, serverContext, setRequestParser }) {
      // Without a parser the content type is one that Yoga does not take; it answers with 415.
      if (!requestParser) return;
      if (request.method === 'GET') {
        setRequestParser(async (get) => {
          try {
            return await requestParser(get);
          } catch (error) {
            if (error instanceof SyntaxError) throw badRequest('The variables or extensions are not valid JSON.');
            throw error;
          }
        });
      }
      if (request.method !== 'POST') return;
      const { req } = serverContext as { req: IncomingMessage };
      const body = {
        async json() {
          return parseJson(await readText(req, sizeMax));
        },
      };
      setRequestParser(() => requestParser(body as Request));
    },
  };
}

/** @throws {GraphQLError} with status 413 when the body is too large */
function readText(req: IncomingMessage, sizeMax: number): Promise<string> {
  return new Promise((resolve, reject) => {
    if (Number(req.headers['content-length'] ?? 0) > sizeMax) return reject(tooLarge());
    const chunks: Buffer[] = [];
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= sizeMax) chunks.push(chunk);
      else reject(tooLarge());
    });
    req.once('end', () => resolve(chunks.length === 1 ? chunks[0]!.toString() : Buffer.concat(chunks).toString()));
    // The client has gone: nobody hears it, and nothing is wrong here.
    req.once('error', () => reject(badRequest('The request was cut off.')));
  });
}

/** Yoga's own refusal repeats in what words the parser put it. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest('The body is not valid JSON.');
  }
}

function badRequest(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { http: { status: 400 }, code: 'BAD_REQUEST' } });
}

function tooLarge(): GraphQLError {
  return new GraphQLError('Request body too large', {
    extensions: { http: { status: 413 }, code: 'REQUEST_ENTITY_TOO_LARGE' },
  });
}
