import { createHash } from 'node:crypto';
import { GraphQLError, Kind, parse } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { PersistedDocument } from './persisted-manifest.ts';

/** What a request says of its document, whatever brought it: HTTP parameters or the payload of a `subscribe` message. */
export type AskedDocument = { query?: unknown; documentId?: unknown; extensions?: unknown };

/** The text to execute; or why none is executed. */
export type ResolvedDocument = { text: string; error?: undefined } | { text?: undefined; error: GraphQLError };

/** The prefix of identifiers that are hashes (GraphQL over HTTP, appendix A). */
const SHA256_PREFIX = 'sha256:';
/** A longer identifier is nobody's, and is not repeated in a message. */
const SHOWN_ID_CHARS_MAX = 80;

/**
 * Finds the document of a request in the manifest, by its hash: `documentId: "sha256:<hex>"` (GraphQL over HTTP) or
 * `extensions: {persistedQuery: {version: 1, sha256Hash: "<hex>"}}` (Apollo). HTTP, SSE and WebSocket share one. Documents are
 * never registered by clients: what is not in the manifest stays unknown, and a client that would register it is told so in
 * the way that it understands.
 */
export class PersistedDocuments {
  readonly #textOf: ReadonlyMap<string, string>;
  readonly #texts: ReadonlySet<string>;

  /** @param only whether nothing but the documents of the manifest is executed */
  constructor(
    documents: readonly PersistedDocument[],
    readonly only: boolean,
  ) {
    this.#textOf = new Map(documents.map(({ hash, text }) => [hash, text]));
    this.#texts = new Set(this.#textOf.values());
  }

  /** The names of the operations in the manifest: what the metrics may tell apart by name. */
  get operationNames(): ReadonlySet<string> {
    const definitions = [...this.#texts].flatMap((text) => parse(text).definitions);
    return new Set(
      definitions.flatMap((definition) =>
        definition.kind === Kind.OPERATION_DEFINITION && definition.name ? [definition.name.value] : [],
      ),
    );
  }

  /** The document that a request asks for; undefined when it names none at all, by text or by hash. */
  resolve(asked: AskedDocument): ResolvedDocument | undefined {
    const text = typeof asked.query === 'string' && asked.query !== '' ? asked.query : undefined;
    const named = nameOf(asked);
    if (named === undefined) {
      if (text === undefined) return this.only && asked.query === '' ? { error: required() } : undefined;
      return this.only && !this.#texts.has(text) ? { error: required() } : { text };
    }
    if ('error' in named) return named;
    if (text === undefined) return this.#byHash(named);
    // Both: only the text that has the hash, or somebody would be shown one document and served another.
    if (this.only && !this.#texts.has(text)) return { error: required() };
    return hashOf(text) === named.hash
      ? { text }
      : { error: refusal('The hash is not that of the text.', 'BAD_REQUEST') };
  }

  #byHash({ hash, form }: DocumentName): ResolvedDocument {
    const text = hash === undefined ? undefined : this.#textOf.get(hash);
    if (text !== undefined) return { text };
    if (form === 'apollo' && !this.only) {
      // Apollo's clients go by these very words: after the first they send the text, too; after the second, only texts.
      return this.#textOf.size > 0
        ? { error: refusal('PersistedQueryNotFound', 'PERSISTED_QUERY_NOT_FOUND') }
        : { error: refusal('PersistedQueryNotSupported', 'PERSISTED_QUERY_NOT_SUPPORTED') };
    }
    return { error: refusal('There is no such document in the manifest.', 'PERSISTED_DOCUMENT_NOT_FOUND') };
  }
}

/** Lets Yoga execute what the manifest has for the hash in a request, over HTTP (GET and POST) and SSE. */
export function usePersistedDocuments(persisted: PersistedDocuments): Plugin {
  return {
    onParams({ params, request, setParams }) {
      // Whatever is no object, or says neither, is answered by Yoga's own check.
      if (typeof params !== 'object' || params === null) return;
      const documentId =
        request.method === 'GET' ? documentIdOf(request.url) : (params as { documentId?: unknown }).documentId;
      const resolved = persisted.resolve({ ...params, documentId });
      if (!resolved) return;
      if (resolved.error) {
        const { message, extensions } = resolved.error;
        throw new GraphQLError(message, { extensions: { ...extensions, http: { status: 400, spec: true } } });
      }
      if (resolved.text !== params.query) setParams({ ...params, query: resolved.text });
    },
  };
}

/** How a request names its document. `hash` is undefined when the name is of a kind that the manifest does not have. */
type DocumentName = { hash: string | undefined; form: 'id' | 'apollo' };

/** The name of the document in a request; an error when there are two that differ, or one that is no name. */
function nameOf({ documentId, extensions }: AskedDocument): DocumentName | { error: GraphQLError } | undefined {
  const apollo = (extensions as { persistedQuery?: { sha256Hash?: unknown } | null } | null | undefined)
    ?.persistedQuery;
  const byId = documentId == null ? undefined : idHash(documentId);
  const byApollo = apollo == null ? undefined : apolloHash(apollo.sha256Hash);
  for (const name of [byId, byApollo]) if (name && 'error' in name) return name;
  if (byId && byApollo && (byId as DocumentName).hash !== (byApollo as DocumentName).hash) {
    return { error: refusal('documentId and persistedQuery name two documents.', 'BAD_REQUEST') };
  }
  return byId ?? byApollo;
}

function idHash(documentId: unknown): DocumentName | { error: GraphQLError } {
  if (typeof documentId !== 'string' || documentId.length > SHOWN_ID_CHARS_MAX) {
    return {
      error: refusal('documentId is not an identifier such as "sha256:<64 hexadecimal digits>".', 'BAD_REQUEST'),
    };
  }
  const isHash = documentId.startsWith(SHA256_PREFIX);
  return { hash: isHash ? documentId.slice(SHA256_PREFIX.length) : undefined, form: 'id' };
}

function apolloHash(hash: unknown): DocumentName | { error: GraphQLError } {
  if (typeof hash !== 'string' || hash.length > SHOWN_ID_CHARS_MAX) {
    return { error: refusal('persistedQuery has no sha256Hash.', 'BAD_REQUEST') };
  }
  return { hash: hash.startsWith(SHA256_PREFIX) ? hash.slice(SHA256_PREFIX.length) : hash, form: 'apollo' };
}

/** Yoga takes from a URL what it knows itself. */
function documentIdOf(url: string): string | undefined {
  if (!url.includes('documentId=')) return undefined;
  return new URLSearchParams(url.slice(url.indexOf('?') + 1)).get('documentId') ?? undefined;
}

/** The hash that names a text. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function required(): GraphQLError {
  return refusal(
    'Only documents of the manifest are executed here: send the hash of one, not a text.',
    'PERSISTED_DOCUMENT_REQUIRED',
  );
}

function refusal(message: string, code: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code } });
}
