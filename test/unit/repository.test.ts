/** What must hold for the repository as a whole: it stands alone, has one GraphQL, and its schema is printed and described. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  lexicographicSortSchema,
  printSchema,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { buildSchema } from '../../src/graphql/schema.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const read = (path: string) => readFile(join(ROOT, path), 'utf8');

/** Everything that is or would be committed. */
function repositoryFiles(): string[] {
  const output = execFileSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate', '-z'],
    {
      cwd: ROOT,
      encoding: 'utf8',
    },
  );
  return output.split('\0').filter(Boolean);
}

/** Which lines of the repository hold a text. Files that were deleted and not yet committed do not count. */
async function linesWith(fits: (line: string) => boolean, files = repositoryFiles()): Promise<string[]> {
  const found = await Promise.all(
    files.map(async (path) => {
      const content = await read(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return '';
        throw error;
      });
      return content.split('\n').flatMap((line, index) => (fits(line) ? [`${path}:${index + 1}: ${line.trim()}`] : []));
    }),
  );
  return found.flat();
}

describe('the repository stands alone', () => {
  test.each([
    ['the folder beside it', ['..', 'shared'].join('/')],
    ['a path of one machine', ['', 'work', ''].join('/')],
  ])('nothing names %s', async (_, needle) => {
    expect(await linesWith((line) => line.includes(needle))).toEqual([]);
  });

  test('nothing names a package registry', async () => {
    const host = new RegExp(['registry', '(?:[a-z0-9-]+\\.)+[a-z]{2,}'].join('\\.'));
    expect(host.test(['registry', 'example', 'org'].join('.'))).toBe(true);
    expect(await linesWith((line) => host.test(line))).toEqual([]);
  });

  test('the lockfile leaves the registry to the machine', async () => {
    const resolved = await linesWith((line) => line.includes('"resolved"'), ['package-lock.json']);
    expect(resolved).toEqual([]);
  });

  test('no test is skipped or singled out', async () => {
    const marks = new RegExp(
      `\\b(?:test|it|describe)(?:\\.\\w+)*\\.(?:${['skip', 'only', 'todo', 'skipIf', 'runIf'].join('|')})\\b`,
    );
    const tests = repositoryFiles().filter((path) => path.endsWith('.test.ts'));
    expect(await linesWith((line) => marks.test(line), tests)).toEqual([]);
  });
});

test('there is one graphql', async () => {
  const lock = JSON.parse(await read('package-lock.json')) as { packages: Record<string, { version?: string }> };
  const copies = Object.keys(lock.packages).filter((path) => path.endsWith('node_modules/graphql'));
  expect(copies).toEqual(['node_modules/graphql']);
});

describe('the schema', () => {
  test('is printed in schema.graphql', async () => {
    const printed = printSchema(lexicographicSortSchema(buildSchema({ demo: true })));
    expect((await read('schema.graphql')).trimEnd(), 'run npm run schema').toBe(printed.trimEnd());
  });

  test('is described in full', () => {
    const types = Object.values(buildSchema({ demo: true }).getTypeMap());
    const own = types.filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type));
    expect(own.flatMap(undescribed)).toEqual([]);
    const directives = buildSchema({ demo: true }).getDirectives();
    const bare = directives.filter((directive) =>
      [directive, ...directive.args].some((part) => !part.description?.trim()),
    );
    expect(bare.map(({ name }) => name)).toEqual([]);
  });

  test('is described in sentences', async () => {
    const described = [...(await read('schema.graphql')).matchAll(/^\s*"""\n?([\s\S]*?)\s*"""/gm)].map(([, text]) =>
      text!.trim(),
    );
    expect(described.length).toBeGreaterThan(1_000);
    const unfinished = described.filter(
      (text) => !/^[\p{L}\d…"`].{2,}[.!?:)…`"]$/su.test(text) || /TODO|FIXME|XXX/.test(text),
    );
    expect(unfinished).toEqual([]);
  });
});

test('no test file changes the fixtures that the files after it import, too', async () => {
  const files = repositoryFiles().filter((path) => /^test\/.*\.test\.ts$/.test(path));
  const changing = files.map(async (path) => {
    const text = await read(path).catch(() => '');
    const imported = [...text.matchAll(/import \{([^}]*)\} from '[^']*(?:fixtures|nodes|shared-server)\.ts'/g)].flatMap(
      ([, names]) => names!.split(',').map((name) => name.trim().split(' as ').at(-1)!),
    );
    return [...text.matchAll(/^(?:const \w+ = )?(\w+)\.override\(/gm)].some(([, name]) => imported.includes(name!))
      ? [path]
      : [];
  });
  expect((await Promise.all(changing)).flat(), 'use testWith or extend').toEqual([]);
});

/** Coordinates of a type and its parts that have no description. */
function undescribed(type: GraphQLNamedType): string[] {
  const missing = (coordinate: string, part: { description?: string | null }) =>
    part.description?.trim() ? [] : [coordinate];
  const parts = [...missing(type.name, type)];
  if (isEnumType(type)) {
    for (const value of type.getValues()) parts.push(...missing(`${type.name}.${value.name}`, value));
  }
  if (isInputObjectType(type)) {
    for (const field of Object.values(type.getFields())) parts.push(...missing(`${type.name}.${field.name}`, field));
  }
  if (isObjectType(type) || isInterfaceType(type)) {
    for (const field of Object.values(type.getFields())) {
      const coordinate = `${type.name}.${field.name}`;
      parts.push(...missing(coordinate, field));
      for (const argument of field.args) parts.push(...missing(`${coordinate}(${argument.name}:)`, argument));
    }
  }
  return parts;
}
