import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '../kernel/start-error.ts';
import type { Operations } from './operations.ts';
import { hashOf, PersistedDocuments } from './persisted-documents.ts';

/** A document of a manifest, under the hash of its text (lower-case hexadecimal SHA-256). */
export type PersistedDocument = { hash: string; text: string };

/** Manifests are kept in memory, parsed: about 60 bytes for each character. */
const MANIFEST_BYTES_MAX = 2 * 1024 * 1024;
const DOCUMENTS_MAX = 5_000;
/** Problems that are shown at once. */
const SHOWN_PROBLEMS_MAX = 5;
const HASH = /^(?:sha256:)?([0-9a-f]{64})$/;
const FORMS = 'write {"sha256:<hash>": "<document>", …}, as the client preset, Relay and Apollo do';

/**
 * Reads manifests and checks them wholly: each document has the hash that it stands under, and fits the schema. They stay
 * parsed, so that none is read again for a request.
 * @param paths files, or directories whose `*.json` are read
 * @throws {StartError} that names the file and the document that is wrong
 */
export async function loadPersistedDocuments(
  { paths, only }: { paths: readonly string[]; only: boolean },
  operations: Operations,
): Promise<PersistedDocuments> {
  const documents = new Map<string, string>();
  const problems: string[] = [];
  let bytes = 0;
  for (const file of await filesOf(paths)) {
    const manifest = await readText(file);
    bytes += Buffer.byteLength(manifest);
    if (bytes > MANIFEST_BYTES_MAX) {
      throw new StartError(`PERSISTED_DOCUMENTS: more than ${MANIFEST_BYTES_MAX} bytes with ${file}`);
    }
    const entries = entriesOf(manifest, file);
    if (entries.length === 0) throw new StartError(`PERSISTED_DOCUMENTS: no document in ${file}: ${FORMS}`);
    for (const [id, text] of entries) {
      const problem = problemOf(id, text, operations);
      if (problem) problems.push(`PERSISTED_DOCUMENTS: ${file}: document ${JSON.stringify(id)}: ${problem}`);
      else documents.set(HASH.exec(id)![1]!, text as string);
    }
  }
  if (problems.length > 0) {
    const more = problems.length > SHOWN_PROBLEMS_MAX ? [`and ${problems.length - SHOWN_PROBLEMS_MAX} more`] : [];
    throw new StartError([...problems.slice(0, SHOWN_PROBLEMS_MAX), ...more].join('\n'));
  }
  if (documents.size > DOCUMENTS_MAX) {
    throw new StartError(`PERSISTED_DOCUMENTS: ${documents.size} documents, more than ${DOCUMENTS_MAX}`);
  }
  if (paths.length > 0 && documents.size === 0) {
    throw new StartError(`PERSISTED_DOCUMENTS: no manifest in ${paths.join(', ')}: ${FORMS}`);
  }
  return new PersistedDocuments(
    [...documents].map(([hash, text]) => ({ hash, text })),
    only,
  );
}

async function filesOf(paths: readonly string[]): Promise<string[]> {
  const files = await Promise.all(
    paths.map(async (path) => {
      const found = await stat(path).catch(unreadable(path));
      if (!found.isDirectory()) return [path];
      const names = await readdir(path).catch(unreadable(path));
      return names
        .filter((name) => name.endsWith('.json'))
        .sort()
        .map((name) => join(path, name));
    }),
  );
  return files.flat();
}

function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(unreadable(file));
}

function unreadable(path: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    throw new StartError(`PERSISTED_DOCUMENTS: ${path} cannot be read (${error.code}): name a manifest`);
  };
}

/** Hashes and texts of a manifest, as the client preset and Relay write it or, in `operations`, as Apollo does. */
function entriesOf(manifest: string, file: string): [id: string, text: unknown][] {
  const wrong = () => new StartError(`PERSISTED_DOCUMENTS: ${file} is no manifest: ${FORMS}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(manifest);
  } catch {
    throw wrong();
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw wrong();
  const { operations } = parsed as { operations?: unknown };
  if (!Array.isArray(operations)) return Object.entries(parsed);
  return operations.map((operation: { id?: unknown; body?: unknown } | null) => [
    String(operation?.id),
    operation?.body,
  ]);
}

/** What is wrong with a document of a manifest. */
function problemOf(id: string, text: unknown, operations: Operations): string | undefined {
  const hash = HASH.exec(id)?.[1];
  if (hash === undefined) return 'stands under what is no SHA-256 in lower-case hexadecimal digits';
  if (typeof text !== 'string') return 'is no text';
  const actual = hashOf(text);
  if (actual !== hash) return `the hash of the text is ${actual}: make the manifest anew`;
  const { errors } = operations.keep(text);
  return errors.length > 0 ? errors.map(({ message }) => message).join(' ') : undefined;
}
