/**
 * Prisma's schema engine as WebAssembly: compares a live database with schema.prisma, so that the two cannot drift apart.
 * The engine that `prisma migrate` downloads is out of reach on closed networks; this one comes with `npm install`.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import type { ConstructorOptions, SchemaEngine } from '@prisma/schema-engine-wasm';
import pg from 'pg';

/** Where the Prisma schema lies. */
export const SCHEMA_PATH = fileURLToPath(new URL('../../prisma/schema.prisma', import.meta.url));

/** The engine's JavaScript half; its WebAssembly half lies beside it. */
const GLUE_MODULE = '@prisma/schema-engine-wasm/schema_engine_bg';

/** What is missing in a database for it to look as schema.prisma says. */
export type SchemaDiff = {
  /** True when there is nothing to do. */
  empty: boolean;
  /** The SQL that takes the database to the schema. */
  sql: string;
};

/** The part of the WebAssembly interface that is used here: the types come with the DOM library only. */
type Wasm = {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }>;
};

/** The runtime that wasm-bindgen wrote; its package has no types for the plumbing. */
type EngineRuntime = {
  __wbg_set_wasm(exports: Record<string, unknown>): void;
  SchemaEngine: {
    new: (options: ConstructorOptions, log: (line: string) => void, adapter: object) => Promise<SchemaEngine>;
  };
};

let runtime: Promise<EngineRuntime> | undefined;

/** What a panicking engine said last; its own error is only "unreachable". */
let panicMessage: string | undefined;

/**
 * Loads the engine by hand: the package's own entry point imports a .wasm file, which Node only does behind a flag.
 * Once per process: wasm-bindgen keeps one instance and fails on a second.
 */
function loadRuntime(): Promise<EngineRuntime> {
  runtime ??= (async () => {
    const wasm = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
    const glue = (await import(GLUE_MODULE)) as unknown as EngineRuntime;
    const bytes = await readFile(
      createRequire(import.meta.url)
        .resolve(GLUE_MODULE)
        .replace(/\.js$/, '.wasm'),
    );
    const { instance } = await wasm.instantiate(bytes, { './schema_engine_bg.js': glue });
    Object.assign(globalThis, {
      PRISMA_WASM_PANIC_REGISTRY: {
        set_message: (message: string) => {
          panicMessage = message;
        },
      },
    });
    glue.__wbg_set_wasm(instance.exports);
    (instance.exports.__wbindgen_start as () => void)();
    return glue;
  })();
  return runtime;
}

/** Reads prisma/schema.prisma. */
export function readPrismaSchema(): Promise<string> {
  return readFile(SCHEMA_PATH, 'utf8');
}

/** Type ids of Postgres: the catalog's one-byte "char", and text. */
const CHAR_OID = 18;
const TEXT_OID = 25;

/** The "char" columns of a result, by its rows: the only object that pg's result and the adapter's share. */
const charColumns = new WeakMap<object, number[]>();

/** Hands "char" columns on as text: the adapter knows no such type, and the engine reads the catalog with it. */
class CatalogPool extends pg.Pool {
  // biome-ignore lint/suspicious/noExplicitAny: stands for all of pg's overloads.
  override async query(...args: any[]): Promise<any> {
    const query = super.query as (...args: unknown[]) => Promise<pg.QueryResult>;
    const result = await query.apply(this, args);
    const columns = (result.fields ?? []).flatMap((field, index) => (field.dataTypeID === CHAR_OID ? [index] : []));
    for (const index of columns) result.fields[index]!.dataTypeID = TEXT_OID;
    charColumns.set(result.rows, columns);
    return result;
  }
}

/** Tells the engine which text columns are really "char". */
class CatalogAdapterFactory extends PrismaPg {
  override async connect() {
    const adapter = await super.connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      const result = await queryRaw(query);
      for (const index of charColumns.get(result.rows) ?? []) result.columnTypes[index] = ColumnTypeEnum.Character;
      return result;
    };
    return adapter;
  }
}

/** Compares the tables, columns, keys and indexes of a database with a Prisma schema. */
export async function diffDatabase(databaseUrl: string, schema: string): Promise<SchemaDiff> {
  const { SchemaEngine: Engine } = await loadRuntime();
  const pool = new CatalogPool({ connectionString: databaseUrl, max: 1 });
  const adapter = bindMigrationAwareSqlAdapterFactory(new CatalogAdapterFactory(pool));
  const files = [{ path: SCHEMA_PATH, content: schema }];
  try {
    const engine = await Engine.new({ datamodels: [[SCHEMA_PATH, schema]] }, () => {}, adapter);
    const result = await engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: '' },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: true,
      filters: { externalTables: [], externalEnums: [] },
    });
    return { empty: result.exitCode === 0, sql: result.stdout ?? '' };
  } catch (error) {
    throw panicMessage ? new Error(`The schema engine panicked: ${panicMessage}`, { cause: error }) : error;
  } finally {
    await pool.end();
  }
}

/** The command line: prints the SQL of the next migration, which is what the migrations lack to make schema.prisma. */
async function printNextMigration(): Promise<void> {
  const { databaseUrl, startPostgres, withClient } = await import('./postgres.ts');
  const { applyMigrations } = await import('../../src/db/migrations.ts');
  const postgres = await startPostgres();
  const name = `hadiya_diff_${process.pid}`;
  try {
    await withClient(postgres.url, (client) => client.query(`CREATE DATABASE ${name}`));
    const url = databaseUrl(postgres.url, name);
    await applyMigrations(url);
    const { sql } = await diffDatabase(url, await readPrismaSchema());
    process.stdout.write(`${sql.trimEnd()}\n`);
  } finally {
    await withClient(postgres.url, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    await postgres.stop();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await printNextMigration();
